module porthole/schema

go 1.22

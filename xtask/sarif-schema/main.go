// Command sarif holds logs against the JSON schema of SARIF 2.1.0, as OASIS publishes it.
//
// The schema comes with the Go module go-sarif, as a constant that it does not export: it is read from the module's source,
// and the logs are validated as they are, not as that module's types would write them. `cargo xtask test sarif` runs it.
package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	_ "github.com/owenrumney/go-sarif/v3/pkg/report"
	"github.com/xeipuuv/gojsonschema"
)

const module = "github.com/owenrumney/go-sarif/v3"

// identity is the schema's own name of itself: of errata 01, the last word of OASIS on 2.1.0.
const identity = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

func main() {
	if len(os.Args) < 2 {
		fail(errors.New("usage: sarif LOG…"))
	}
	text, err := schema()
	if err != nil {
		fail(err)
	}
	// A schema that takes everything would find nothing.
	if broken := validate(text, []byte(`{"version": "2.1.0", "runs": [{"results": []}]}`)); broken == nil {
		fail(errors.New("the schema takes a run without a tool"))
	}
	for _, name := range os.Args[1:] {
		log, err := os.ReadFile(name)
		if err != nil {
			fail(err)
		}
		if err := validate(text, log); err != nil {
			fail(fmt.Errorf("%s: %w", name, err))
		}
	}
	fmt.Printf("%d logs are SARIF 2.1.0\n", len(os.Args)-1)
}

// schema is the value of the constant of that name in the module's source.
func schema() (string, error) {
	directory, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find the module %s: %w", module, err)
	}
	path := filepath.Join(strings.TrimSpace(string(directory)), "pkg", "report", "v210", "sarif", "schema.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return "", err
	}
	var text string
	ast.Inspect(file, func(node ast.Node) bool {
		value, ok := node.(*ast.ValueSpec)
		if ok && len(value.Names) == 1 && value.Names[0].Name == "schema" && len(value.Values) == 1 {
			if literal, ok := value.Values[0].(*ast.BasicLit); ok {
				text, err = strconv.Unquote(literal.Value)
			}
		}
		return true
	})
	if err == nil && !strings.Contains(text, `"`+identity+`"`) {
		err = fmt.Errorf("%s holds no schema that names itself %s", path, identity)
	}
	return text, err
}

func validate(schema string, log []byte) error {
	result, err := gojsonschema.Validate(gojsonschema.NewStringLoader(schema), gojsonschema.NewBytesLoader(log))
	if err != nil {
		return err
	}
	var wrong []string
	for _, finding := range result.Errors() {
		wrong = append(wrong, finding.String())
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "\n  "))
	}
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "sarif:", err)
	os.Exit(1)
}

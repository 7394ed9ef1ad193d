package main

import (
	"fmt"
	"go/ast"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// types are the Go types of the API.
type types struct {
	named map[string]*named
	// aliases are the types that other names stand for; Go's messages know only the types.
	aliases map[string]string
}

// named is a type with a name: a struct, or another type under a name of its own.
type named struct {
	versions spans
	// other is what a type that is no struct stands for; `!` where it decodes itself.
	other string
	// fields are a struct's, in order of declaration; those of one name stand side by side.
	fields []*field
}

// field is a struct's field, or a struct that it embeds.
type field struct {
	// json is its name in JSON; nothing where the struct's fields are taken as the own ones.
	json string
	// text is its type, or the embedded one.
	text     string
	versions spans
}

func newTypes() *types {
	return &types{named: map[string]*named{}}
}

// addAll adds the types of a version of Kubernetes.
func (t *types) addAll(packages []source, minor int) {
	t.aliases = map[string]string{}
	for _, from := range packages {
		from.eachType(func(scope scope, spec *ast.TypeSpec) {
			if text, ok := scope.text(spec.Type); ok && spec.Assign.IsValid() {
				t.aliases[scope.name+"."+spec.Name.Name] = text
			}
		})
	}
	for _, from := range packages {
		t.add(from, minor)
	}
}

// eachType goes through the types that a package exports.
func (s source) eachType(visit func(scope, *ast.TypeSpec)) {
	for _, file := range s.files {
		scope := scope{name: s.name, imports: imports(file)}
		for _, decl := range file.Decls {
			general, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range general.Specs {
				if declared, ok := spec.(*ast.TypeSpec); ok && declared.Name.IsExported() {
					visit(scope, declared)
				}
			}
		}
	}
}

func (t *types) add(from source, minor int) {
	decoders := map[string]bool{}
	for _, file := range from.files {
		for _, decl := range file.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if ok && function.Recv != nil && (function.Name.Name == "UnmarshalJSON" || function.Name.Name == "UnmarshalText") {
				receiver := function.Recv.List[0].Type
				if star, ok := receiver.(*ast.StarExpr); ok {
					receiver = star.X
				}
				if name, ok := receiver.(*ast.Ident); ok {
					decoders[name.Name] = true
				}
			}
		}
	}
	from.eachType(func(scope scope, spec *ast.TypeSpec) {
		scope.aliases = t.aliases
		t.declare(scope, spec, decoders[spec.Name.Name], minor)
	})
}

func (t *types) declare(scope scope, spec *ast.TypeSpec, decodes bool, minor int) {
	if spec.Assign.IsValid() {
		return
	}
	name := scope.name + "." + spec.Name.Name
	one := t.named[name]
	if one == nil {
		one = &named{}
		t.named[name] = one
	}
	structure, isStruct := spec.Type.(*ast.StructType)
	switch {
	case decodes:
		one.other = "!"
	case !isStruct:
		text, ok := scope.text(spec.Type)
		if !ok {
			delete(t.named, name)
			return
		}
		if one.other != "" && one.other != text {
			fail(fmt.Errorf("%s is %s and %s", name, one.other, text))
		}
		one.other = text
	default:
		for _, member := range structure.Fields.List {
			t.member(one, scope, member, minor)
		}
	}
	one.versions.add(minor)
}

func (t *types) member(one *named, scope scope, member *ast.Field, minor int) {
	tag := ""
	if member.Tag != nil {
		if text, err := strconv.Unquote(member.Tag.Value); err == nil {
			tag = reflect.StructTag(text).Get("json")
		}
	}
	json, _, _ := strings.Cut(tag, ",")
	if json == "-" {
		return
	}
	text, ok := scope.text(member.Type)
	if !ok {
		return
	}
	if json == "" && len(member.Names) > 0 {
		// An untagged field is called as it is in Go.
		if !member.Names[0].IsExported() {
			return
		}
		json = member.Names[0].Name
	}
	last := len(one.fields)
	for i, known := range one.fields {
		if known.json != json || (json == "" && known.text != text) {
			continue
		}
		if known.text == text {
			known.versions.add(minor)
			return
		}
		last = i + 1
	}
	added := &field{json: json, text: text}
	added.versions.add(minor)
	one.fields = append(one.fields[:last], append([]*field{added}, one.fields[last:]...)...)
}

// scope is a file in which names are looked up.
type scope struct {
	name             string
	imports, aliases map[string]string
}

// named is the type of that name, which may be another's.
func (s scope) named(name string) string {
	for s.aliases[name] != "" {
		name = s.aliases[name]
	}
	return name
}

// text is a type as the data has it, or nothing for what JSON cannot hold.
func (s scope) text(expr ast.Expr) (string, bool) {
	switch expr := expr.(type) {
	case *ast.Ident:
		switch expr.Name {
		case "bool", "string", "int", "int32", "int64", "float64", "uint8", "uint32", "uint64":
			return expr.Name, true
		case "byte":
			return "uint8", true
		case "any":
			return "any", true
		}
		return s.named(s.name + "." + expr.Name), expr.IsExported()
	case *ast.SelectorExpr:
		path, ok := s.imports[expr.X.(*ast.Ident).Name]
		return s.named(packageOf(path) + "." + expr.Sel.Name), ok
	case *ast.StarExpr:
		text, ok := s.text(expr.X)
		return "*" + text, ok
	case *ast.ArrayType:
		text, ok := s.text(expr.Elt)
		return "[]" + text, ok && expr.Len == nil
	case *ast.MapType:
		key, keyOk := s.text(expr.Key)
		value, valueOk := s.text(expr.Value)
		return "map[" + key + "]" + value, keyOk && valueOk
	case *ast.InterfaceType:
		return "any", len(expr.Methods.List) == 0
	}
	return "", false
}

// text has a line for every type that a kind can hold.
func (t *types) text() string {
	wanted := map[string]bool{}
	var reach func(text string)
	reach = func(text string) {
		text = strings.NewReplacer("*", " ", "[]", " ", "map[", " ", "]", " ").Replace(text)
		for _, name := range strings.Fields(text) {
			one := t.named[name]
			if one == nil && strings.Contains(name, ".") {
				fail(fmt.Errorf("no type is called %s", name))
			}
			if one == nil || wanted[name] {
				continue
			}
			wanted[name] = true
			reach(one.other)
			for _, field := range one.fields {
				reach(field.text)
			}
		}
	}
	for name := range t.named {
		group, _, _ := strings.Cut(name, "/")
		if strings.Contains(name, "/") && group != "meta" && isKind(t.named[name]) {
			reach(name)
		}
	}
	lines := make([]string, 0, len(wanted))
	for name := range wanted {
		lines = append(lines, t.line(name))
	}
	sort.Strings(lines)
	return `# A line a type: its name; of a struct its fields, NAME:TYPE, NAME@FIRST-LAST:TYPE where only those minor versions
# have it, and +TYPE for a struct that it embeds; of another type =TYPE, or =! where it decodes itself.
` + strings.Join(lines, "\n") + "\n"
}

// isKind is whether a type is an object of its own: it embeds TypeMeta.
func isKind(one *named) bool {
	for _, field := range one.fields {
		if field.json == "" && field.text == "meta/v1.TypeMeta" {
			return true
		}
	}
	return false
}

func (t *types) line(name string) string {
	one := t.named[name]
	if one.other != "" {
		return name + " =" + one.other
	}
	var line strings.Builder
	line.WriteString(name)
	whole := span{one.versions[0].first, one.versions[len(one.versions)-1].last}
	for _, field := range one.fields {
		for _, versions := range field.versions {
			if field.json == "" {
				fmt.Fprintf(&line, " +%s%s", field.text, versions.text(whole))
			} else {
				fmt.Fprintf(&line, " %s%s:%s", field.json, versions.text(whole), field.text)
			}
		}
	}
	return line.String()
}

package main

import (
	"errors"
	"fmt"
	"go/ast"
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
)

// gates are the API server's feature gates.
type gates struct {
	known map[string]*gate
}

// gate is what a feature gate is, version by version.
type gate struct {
	states map[int]string
	needs  map[int][]string
}

func newGates() *gates {
	return &gates{known: map[string]*gate{}}
}

// gatePackages are the packages whose gates the API server has, by their modules.
var gatePackages = []struct{ module, path string }{
	{"kubernetes", "pkg/features"},
	{"apiserver", "pkg/features"},
	{"apiextensions-apiserver", "pkg/features"},
	{"component-base", "logs/api/v1"},
	{"component-base", "metrics/features"},
	{"component-base", "zpages/features"},
	{"client-go", "features"},
}

// clientGates is the first minor version whose server has the gates of client-go among its own.
const clientGates = 30

func (g *gates) add(release release) error {
	for _, one := range gatePackages {
		if one.module == "client-go" && release.minor < clientGates {
			continue
		}
		module, err := release.module(one.module)
		if err != nil {
			return err
		}
		from, err := parse(filepath.Join(module, one.path), one.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		constants := from.constants()
		for _, file := range from.files {
			ast.Inspect(file, func(node ast.Node) bool {
				list, ok := node.(*ast.CompositeLit)
				if !ok {
					return true
				}
				if kind, ok := list.Type.(*ast.MapType); ok {
					g.list(list, kind, constants, release.minor)
				}
				return true
			})
		}
	}
	return nil
}

// list reads a table of gates, or of what they need.
func (g *gates) list(list *ast.CompositeLit, kind *ast.MapType, constants map[string]string, minor int) {
	what := ""
	switch value := kind.Value.(type) {
	case *ast.SelectorExpr:
		what = value.Sel.Name
	case *ast.Ident:
		what = value.Name
	case *ast.ArrayType:
		what = "needs"
	}
	for _, element := range list.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			return
		}
		value, ok := pair.Value.(*ast.CompositeLit)
		if !ok {
			return
		}
		switch what {
		case "FeatureSpec":
			g.state(gateName(pair.Key, constants), minor, specOf(value).state())
		case "VersionedSpecs":
			g.state(gateName(pair.Key, constants), minor, specAt(value.Elts, minor))
		case "needs":
			one := g.gate(gateName(pair.Key, constants))
			for _, needed := range value.Elts {
				one.needs[minor] = append(one.needs[minor], gateName(needed, constants))
			}
		}
	}
}

func (g *gates) gate(name string) *gate {
	if g.known[name] == nil {
		g.known[name] = &gate{states: map[int]string{}, needs: map[int][]string{}}
	}
	return g.known[name]
}

func (g *gates) state(name string, minor int, state string) {
	one := g.gate(name)
	if known, ok := one.states[minor]; ok && known != state {
		fail(fmt.Errorf("gate %s of 1.%d is both %s and %s", name, minor, known, state))
	}
	one.states[minor] = state
}

// gateName is the gate that a constant names: one of another package is called as its constant is.
func gateName(expr ast.Expr, constants map[string]string) string {
	switch expr := expr.(type) {
	case *ast.CallExpr:
		// A conversion to the other package's type of names.
		return gateName(expr.Args[0], constants)
	case *ast.SelectorExpr:
		return expr.Sel.Name
	case *ast.Ident:
		if text, ok := constants[expr.Name]; ok {
			return text
		}
		return expr.Name
	}
	text, _ := literal(expr)
	return text
}

// spec is what a gate is from some version on.
type spec struct {
	from, compatible int
	on, locked       bool
	stage            string
}

func (s spec) state() string {
	text := s.stage + "-"
	if s.on {
		text = s.stage + "+"
	}
	if s.locked {
		text += "!"
	}
	return text
}

// specAt is what a gate is in a version whose neighbours may be one version older.
func specAt(specs []ast.Expr, minor int) string {
	state, compatible := "prealpha-", 0
	for _, element := range specs {
		one := specOf(element.(*ast.CompositeLit))
		if one.compatible != 0 {
			compatible = one.compatible
		}
		if one.from <= minor && compatible <= minor-1 {
			state = one.state()
		}
	}
	return state
}

func specOf(list *ast.CompositeLit) spec {
	result := spec{stage: "ga"}
	for _, element := range list.Elts {
		pair := element.(*ast.KeyValueExpr)
		switch pair.Key.(*ast.Ident).Name {
		case "Default":
			result.on = pair.Value.(*ast.Ident).Name == "true"
		case "LockToDefault":
			result.locked = pair.Value.(*ast.Ident).Name == "true"
		case "PreRelease":
			result.stage = strings.ToLower(gateName(pair.Value, nil))
		case "Version":
			result.from = minorOf(pair.Value)
		case "MinCompatibilityVersion":
			result.compatible = minorOf(pair.Value)
		}
	}
	return result
}

// minorOf reads `version.MustParse("1.31")` and `version.MajorMinor(1, 31)`.
func minorOf(expr ast.Expr) int {
	arguments := expr.(*ast.CallExpr).Args
	if len(arguments) == 2 {
		return number(arguments[1])
	}
	text, _ := literal(arguments[0])
	major, minor := 0, 0
	_, err := fmt.Sscanf(text, "%d.%d", &major, &minor)
	check(err)
	return minor
}

func (g *gates) text() string {
	var lines []string
	for name, one := range g.known {
		line, before := name, ""
		for minor := oldest; minor <= newest; minor++ {
			state := one.states[minor]
			if needs := one.needs[minor]; state != "" && len(needs) > 0 {
				state += ">" + strings.Join(needs, ",")
			}
			if state == before {
				continue
			}
			if state == "" {
				line += fmt.Sprintf(" %d:gone", minor)
			} else {
				line += fmt.Sprintf(" %d:%s", minor, state)
			}
			before = state
		}
		if line != name {
			lines = append(lines, line)
		}
	}
	sort.Strings(lines)
	return `# A line a gate: its name, and from which minor version on it is what: its stage, + where it is on and - where it is
# off by default, ! where it is locked, > and the gates that it needs.
` + strings.Join(lines, "\n") + "\n"
}

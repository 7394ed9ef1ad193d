package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"sort"
	"strings"
)

// kinds are the kinds that objects are created of.
type kinds struct {
	known map[string]*kind
}

// kind is one kind in one version of its group.
type kind struct {
	group, version, name string
	// structure is its type's name in types.txt.
	structure  string
	namespaced bool
	// inCode are the versions of Kubernetes that know the kind; served those whose servers have it as they are set up
	// by default.
	inCode, served spans
	life           life
}

// life is what a type says of its own: the minor versions in which it was deprecated and is served no more, and what is
// used instead (`policy/v1.PodDisruptionBudget`).
type life struct {
	deprecated, removed int
	replacement         string
}

func newKinds() *kinds {
	return &kinds{known: map[string]*kind{}}
}

// alwaysServed are the packages of the servers that stand before and behind the one whose list `served` reads.
var alwaysServed = map[string]bool{"apiextensions/v1": true, "apiregistration/v1": true}

func (k *kinds) add(release release, packages []source) error {
	served, err := served(release)
	if err != nil {
		return err
	}
	for _, from := range packages {
		if !strings.Contains(from.name, "/") || from.name == "meta/v1" {
			continue
		}
		group, lives := from.constants()["GroupName"], from.lives()
		if group == "" && from.name == "apiextensions/v1" {
			group = "apiextensions.k8s.io"
		}
		if group == "" && from.name == "apiregistration/v1" {
			group = "apiregistration.k8s.io"
		}
		for _, file := range from.files {
			before := file.Package
			for _, decl := range file.Decls {
				name, comment := declared(file, before, decl)
				before = decl.End()
				if name == "" || !strings.Contains(comment, "+genclient\n") || strings.Contains(comment, "+genclient:noVerbs") {
					continue
				}
				_, version, _ := strings.Cut(from.name, "/")
				key := group + "/" + version + " " + name
				one := k.known[key]
				if one == nil {
					one = &kind{group: group, version: version, name: name, structure: from.name + "." + name}
					k.known[key] = one
				}
				one.namespaced = !strings.Contains(comment, "+genclient:nonNamespaced")
				one.inCode.add(release.minor)
				if life, ok := lives[name]; ok {
					one.life = life
				}
				on := served.packages[from.name] || alwaysServed[from.name] || served.resources[from.name+" "+plural(name)]
				if on && (one.life.removed == 0 || one.life.removed > release.minor) {
					one.served.add(release.minor)
				}
			}
		}
	}
	return nil
}

// declared is the name of a declaration's only type, and the comments between it and what stands before it.
func declared(file *ast.File, before token.Pos, decl ast.Decl) (name, comment string) {
	general, ok := decl.(*ast.GenDecl)
	if !ok || general.Tok != token.TYPE || len(general.Specs) != 1 {
		return "", ""
	}
	var text strings.Builder
	for _, group := range file.Comments {
		if group.Pos() < before || group.End() > general.TokPos {
			continue
		}
		for _, line := range group.List {
			text.WriteString(strings.TrimPrefix(strings.TrimPrefix(line.Text, "//"), " ") + "\n")
		}
	}
	return general.Specs[0].(*ast.TypeSpec).Name.Name, text.String()
}

func plural(kind string) string {
	lower := strings.ToLower(kind)
	switch {
	case strings.HasSuffix(lower, "s"):
		return lower + "es"
	case strings.HasSuffix(lower, "y"):
		return strings.TrimSuffix(lower, "y") + "ies"
	default:
		return lower + "s"
	}
}

// lives are what a package's types say of their lives.
func (s source) lives() map[string]life {
	result := map[string]life{}
	for _, file := range s.files {
		for _, decl := range file.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok || function.Recv == nil || !strings.HasPrefix(function.Name.Name, "APILifecycle") {
				continue
			}
			star, ok := function.Recv.List[0].Type.(*ast.StarExpr)
			if !ok {
				continue
			}
			name := star.X.(*ast.Ident).Name
			returned := function.Body.List[0].(*ast.ReturnStmt).Results
			one := result[name]
			switch function.Name.Name {
			case "APILifecycleDeprecated":
				one.deprecated = number(returned[1])
			case "APILifecycleRemoved":
				one.removed = number(returned[1])
			case "APILifecycleReplacement":
				parts := map[string]string{}
				for _, element := range returned[0].(*ast.CompositeLit).Elts {
					pair := element.(*ast.KeyValueExpr)
					parts[pair.Key.(*ast.Ident).Name], _ = literal(pair.Value)
				}
				one.replacement = strings.TrimPrefix(parts["Group"]+"/"+parts["Version"]+"."+parts["Kind"], "/")
			}
			result[name] = one
		}
	}
	return result
}

func number(expr ast.Expr) int {
	value := 0
	_, err := fmt.Sscan(expr.(*ast.BasicLit).Value, &value)
	check(err)
	return value
}

// enabled is what a server has without being told: whole packages, and single resources of others.
type enabled struct {
	packages, resources map[string]bool
}

// served reads the API server's own list of what it serves by default.
func served(release release) (enabled, error) {
	result := enabled{map[string]bool{}, map[string]bool{}}
	module, err := release.module("kubernetes")
	if err != nil {
		return result, err
	}
	from, err := parse(filepath.Join(module, "pkg/controlplane"), "controlplane")
	if err != nil {
		return result, err
	}
	for _, file := range from.files {
		imports := imports(file)
		collect := func(exprs []ast.Expr) {
			for _, expr := range exprs {
				resource := ""
				if call, ok := expr.(*ast.CallExpr); ok {
					resource, _ = literal(call.Args[0])
					expr = call.Fun.(*ast.SelectorExpr).X
				}
				selector, ok := expr.(*ast.SelectorExpr)
				if !ok || selector.Sel.Name != "SchemeGroupVersion" {
					continue
				}
				name := packageOf(imports[selector.X.(*ast.Ident).Name])
				if resource == "" {
					result.packages[name] = true
				} else {
					result.resources[name+" "+resource] = true
				}
			}
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.ValueSpec:
				if list, ok := first(node.Values).(*ast.CompositeLit); ok && strings.Contains(node.Names[0].Name, "EnabledByDefault") {
					collect(list.Elts)
				}
			case *ast.CallExpr:
				function, ok := node.Fun.(*ast.SelectorExpr)
				if ok && (function.Sel.Name == "EnableVersions" || function.Sel.Name == "EnableResources") {
					collect(node.Args)
				}
			}
			return true
		})
	}
	return result, nil
}

func first(exprs []ast.Expr) ast.Expr {
	if len(exprs) == 0 {
		return nil
	}
	return exprs[0]
}

func (k *kinds) text() string {
	lines := make([]string, 0, len(k.known))
	for _, one := range k.known {

		line := strings.TrimPrefix(one.group+"/"+one.version, "/") + " " + one.name + " " + one.structure
		if !one.namespaced {
			line += " cluster"
		}
		for _, versions := range one.inCode {
			line += fmt.Sprintf(" known=%d-%d", versions.first, versions.last)
		}
		for _, versions := range one.served {
			line += fmt.Sprintf(" served=%d-%d", versions.first, versions.last)
		}
		if one.life.deprecated != 0 {
			line += fmt.Sprintf(" deprecated=%d", one.life.deprecated)
		}
		if one.life.removed != 0 {
			line += fmt.Sprintf(" removed=%d", one.life.removed)
		}
		if one.life.replacement != "" {
			line += " replacement=" + one.life.replacement
		}
		lines = append(lines, line)
	}
	sort.Strings(lines)
	return "# A line a kind: apiVersion, kind, its type, and minor versions of Kubernetes.\n" + strings.Join(lines, "\n") + "\n"
}

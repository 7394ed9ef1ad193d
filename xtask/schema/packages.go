package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// source is a parsed package.
type source struct {
	// name is as packageOf has it.
	name  string
	files []*ast.File
}

// parse reads the package in a directory, without its tests.
func parse(dir, name string) (source, error) {
	result := source{name: name}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return result, err
	}
	set := token.NewFileSet()
	for _, entry := range entries {
		file := entry.Name()
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "generated.") {
			continue
		}
		parsed, err := parser.ParseFile(set, filepath.Join(dir, file), nil, parser.ParseComments)
		if err != nil {
			return result, err
		}
		result.files = append(result.files, parsed)
	}
	return result, nil
}

// apiPackages are the packages that define the API's types.
func (r release) apiPackages() ([]source, error) {
	var result []source
	add := func(dir, name string) error {
		one, err := parse(dir, name)
		if err == nil && len(one.files) > 0 {
			result = append(result, one)
		}
		return err
	}
	api, err := r.module("api")
	if err != nil {
		return nil, err
	}
	dirs, err := filepath.Glob(filepath.Join(api, "*", "v*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		name := filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir)
		if strings.HasPrefix(name, "imagepolicy/") || strings.HasPrefix(name, "admission/") {
			continue
		}
		if err := add(dir, name); err != nil {
			return nil, err
		}
	}
	machinery, err := r.module("apimachinery")
	if err != nil {
		return nil, err
	}
	for path, name := range map[string]string{
		"pkg/apis/meta/v1": "meta/v1", "pkg/api/resource": "resource", "pkg/util/intstr": "intstr", "pkg/runtime": "runtime",
		"pkg/types": "types",
	} {
		if err := add(filepath.Join(machinery, path), name); err != nil {
			return nil, err
		}
	}
	for module, path := range map[string]string{
		"apiextensions-apiserver": "apiextensions/v1", "kube-aggregator": "apiregistration/v1",
	} {
		dir, err := r.module(module)
		if err != nil {
			return nil, err
		}
		if err := add(filepath.Join(dir, "pkg/apis", path), path); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// imports are the packages that a file imports, by the name under which it does.
func imports(file *ast.File) map[string]string {
	result := map[string]string{}
	for _, one := range file.Imports {
		path, err := strconv.Unquote(one.Path.Value)
		if err != nil {
			continue
		}
		name := filepath.Base(path)
		if one.Name != nil {
			name = one.Name.Name
		}
		result[name] = path
	}
	return result
}

// constants are the strings of a package by the names of their constants.
func (s source) constants() map[string]string {
	result := map[string]string{}
	for _, file := range s.files {
		for _, decl := range file.Decls {
			general, ok := decl.(*ast.GenDecl)
			if !ok || general.Tok != token.CONST {
				continue
			}
			for _, spec := range general.Specs {
				values := spec.(*ast.ValueSpec)
				for i, name := range values.Names {
					if i < len(values.Values) {
						if text, ok := literal(values.Values[i]); ok {
							result[name.Name] = text
						}
					}
				}
			}
		}
	}
	return result
}

// literal is the text of a string literal.
func literal(expr ast.Expr) (string, bool) {
	basic, ok := expr.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}

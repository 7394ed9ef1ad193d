// Command schema writes what porthole knows of Kubernetes' API as data: the types of every kind, which kinds a version
// serves, and the feature gates of the API server, for every version that porthole knows.
//
// It reads the sources of the published Go modules, which it has `go mod download` fetch, and stands on the standard
// library alone. `cargo xtask schema` runs it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// patches has the last published patch of every minor version, by the minor version.
var patches = []struct{ minor, patch int }{
	{22, 17}, {23, 17}, {24, 17}, {25, 16}, {26, 15}, {27, 16}, {28, 15}, {29, 6}, {30, 14}, {31, 14}, {32, 13},
	{33, 13}, {34, 4}, {35, 4}, {36, 3}, {37, 0},
}

const oldest, newest = 22, 37

const notice = "# Written by `cargo xtask schema` from the Go modules of Kubernetes 1.22 to 1.37; not to be edited.\n"

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: schema DIRECTORY"))
	}
	types, kinds, gates := newTypes(), newKinds(), newGates()
	for _, version := range patches {
		release := release{minor: version.minor, patch: version.patch}
		fmt.Fprintf(os.Stderr, "schema: Kubernetes 1.%d.%d\n", version.minor, version.patch)
		packages, err := release.apiPackages()
		check(err)
		types.addAll(packages, release.minor)
		check(kinds.add(release, packages))
		check(gates.add(release))
	}
	write("types.txt", types.text())
	write("kinds.txt", kinds.text())
	write("gates.txt", gates.text())
}

func write(name, text string) {
	check(os.WriteFile(filepath.Join(os.Args[1], name), []byte(notice+text), 0o644))
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "schema:", err)
	os.Exit(1)
}

// release is a published version of Kubernetes.
type release struct{ minor, patch int }

// module is the directory of one of the release's modules in the module cache.
func (r release) module(name string) (string, error) {
	version := fmt.Sprintf("v0.%d.%d", r.minor, r.patch)
	if name == "kubernetes" {
		version = fmt.Sprintf("v1.%d.%d", r.minor, r.patch)
	}
	command := exec.Command("go", "mod", "download", "-json", "k8s.io/"+name+"@"+version)
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("download k8s.io/%s %s: %w: %s", name, version, err, out)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(out, &found); err != nil {
		return "", err
	}
	return found.Dir, nil
}

// span is a range of minor versions, both ends included.
type span struct{ first, last int }

// text is nothing for a range that is all of `whole`, else `@FIRST`, `@-LAST` or `@FIRST-LAST`.
func (s span) text(whole span) string {
	switch {
	case s == whole:
		return ""
	case s.last == whole.last:
		return fmt.Sprintf("@%d", s.first)
	case s.first == whole.first:
		return fmt.Sprintf("@-%d", s.last)
	default:
		return fmt.Sprintf("@%d-%d", s.first, s.last)
	}
}

// spans are the versions in which something is so, in ascending order.
type spans []span

func (s *spans) add(minor int) {
	if n := len(*s); n > 0 && (*s)[n-1].last >= minor-1 {
		(*s)[n-1].last = minor
		return
	}
	*s = append(*s, span{minor, minor})
}

// packageOf is the short name of a package: `core/v1` for k8s.io/api/core/v1, `meta/v1`, `resource`.
func packageOf(path string) string {
	for _, prefix := range []string{
		"k8s.io/apimachinery/pkg/apis/", "k8s.io/apimachinery/pkg/api/", "k8s.io/apimachinery/pkg/util/", "k8s.io/kubernetes/pkg/apis/",
		"k8s.io/apimachinery/pkg/", "k8s.io/apiextensions-apiserver/pkg/apis/", "k8s.io/kube-aggregator/pkg/apis/",
		"k8s.io/api/",
	} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return rest
		}
	}
	return path
}

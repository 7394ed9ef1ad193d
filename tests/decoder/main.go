// Command decoder says what kubectl reads of texts: each line of its input is a text as a string of JSON, and each line of its
// output what that text holds.
//
// `cargo xtask test kubernetes` builds it for the test that compares it with porthole.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	goyaml "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"
)

// answer is one of: what was read, and whether something stands behind it that is not; or why nothing was.
type answer struct {
	Read    json.RawMessage `json:"read,omitempty"`
	Rest    bool            `json:"rest,omitempty"`
	Refused string          `json:"refused,omitempty"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "decoder: %v\n", err)
		os.Exit(1)
	}
}

func run(from io.Reader, to io.Writer) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	out := bufio.NewWriter(to)
	answers := json.NewEncoder(out)
	for lines.Scan() {
		var text string
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			return fmt.Errorf("read a text: %w", err)
		}
		if err := answers.Encode(read(text)); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return out.Flush()
}

func read(text string) (said answer) {
	defer func() {
		if panicked := recover(); panicked != nil {
			said = answer{Refused: fmt.Sprintf("panic: %v", panicked)}
		}
	}()
	if first := objects(text); first != nil {
		return answer{Read: first}
	}
	object, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return answer{Refused: err.Error()}
	}
	documents := goyaml.NewDecoder(strings.NewReader(text))
	var value any
	if err := documents.Decode(&value); err == nil {
		err = documents.Decode(&value)
		return answer{Read: object, Rest: !errors.Is(err, io.EOF)}
	}
	return answer{Read: object}
}

// objects is the first of the JSON objects that the text is: kubectl reads what begins with a brace as a stream of them, if it
// is one.
func objects(text string) (first json.RawMessage) {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil
	}
	stream := json.NewDecoder(strings.NewReader(text))
	for {
		var object json.RawMessage
		if err := stream.Decode(&object); errors.Is(err, io.EOF) {
			return first
		} else if err != nil {
			return nil
		}
		if first == nil {
			first = object
		}
	}
}

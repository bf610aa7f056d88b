// make_items prints what the original implementation of HCL version 1 makes of a file, one line a setting:
//
//	kind <tab> line <tab> path <tab> values, each as JSON
//
// and "error" alone for a file that it refuses. The tests hold core/config/hcl_reader.h to it.
//
//	go mod init make_items && go get github.com/hashicorp/hcl@v1.0.0
//	for f in *.hcl; do go run make_items.go < $f > ${f%.hcl}.items; done
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/parser"
	"github.com/hashicorp/hcl/hcl/token"
)

var lines []string

func emit(kind string, line int, path string, values ...interface{}) {
	text := fmt.Sprintf("%s\t%d\t%s", kind, line, path)
	for _, value := range values {
		encoded, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		text += "\t" + string(encoded)
	}
	lines = append(lines, text)
}

func join(path string, key *ast.ObjectKey) string {
	name := key.Token.Value().(string)
	if name == "" || strings.Contains(name, ".") {
		name = `"` + name + `"`
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func literal(l *ast.LiteralType) (string, interface{}) {
	switch l.Token.Type {
	case token.NUMBER:
		return "integer", fmt.Sprint(l.Token.Value())
	case token.FLOAT:
		l.Token.Value() // panics if it is none
		return "fraction", l.Token.Text
	case token.BOOL:
		return "bool", l.Token.Text
	}
	return "string", l.Token.Value()
}

func value(path string, node ast.Node) {
	switch v := node.(type) {
	case *ast.LiteralType:
		kind, text := literal(v)
		emit(kind, v.Pos().Line, path, text)
	case *ast.ObjectType:
		emit("object", v.Pos().Line, path)
		entries(path, v.List)
	case *ast.ListType:
		texts := []interface{}{}
		objects := false
		for _, member := range v.List {
			if l, ok := member.(*ast.LiteralType); ok {
				_, text := literal(l)
				texts = append(texts, text)
			} else {
				objects = true
				value(path, member)
			}
		}
		if !objects {
			emit("list", v.Pos().Line, path, texts...)
		}
	}
}

func entries(path string, list *ast.ObjectList) {
	for _, item := range list.Items {
		place := path
		for i, key := range item.Keys {
			place = join(place, key)
			if i+1 < len(item.Keys) {
				emit("object", item.Val.Pos().Line, place)
			}
		}
		value(place, item.Val)
	}
}

func main() {
	defer func() {
		if recover() != nil {
			fmt.Println("error")
		}
	}()
	text, _ := io.ReadAll(os.Stdin)
	file, err := parser.Parse(text)
	if err != nil {
		fmt.Println("error")
		return
	}
	entries("", file.Node.(*ast.ObjectList))
	for _, line := range lines {
		fmt.Println(line)
	}
}

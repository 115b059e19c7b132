package jms20_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Each row of the table in the package comment names a test that is there, or says why it has none.
func TestEveryRowOfThePackageCommentHasItsTest(t *testing.T) {
	comment, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	tests := read(t, "*_test.go")
	above := read(t, "../*_test.go")
	contract := read(t, "../mqtest/conformance/doc.go")
	rows := regexp.MustCompile(`(?m)^//\t( ?\d+)  `).FindAllSubmatchIndex(comment, -1)
	if len(rows) != 39 {
		t.Errorf("%d rows", len(rows))
	}
	for i, at := range rows {
		end := len(comment)
		if i+1 < len(rows) {
			end = rows[i+1][0]
		}
		number := strings.TrimSpace(string(comment[at[2]:at[3]]))
		if number != strconv.Itoa(i+1) {
			t.Errorf("row %d has number %s", i+1, number)
		}
		row := strings.Join(strings.Fields(strings.ReplaceAll(string(comment[at[1]:end]), "//", "")), " ")
		named := 0
		own, others, _ := strings.Cut(row, "mqconn: ")
		for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(others, -1) {
			named++
			if !strings.Contains(above, "func "+name+"(t *testing.T)") {
				t.Errorf("row %s: package mqconn has no test %s", number, name)
			}
		}
		for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(own, -1) {
			named++
			if !strings.Contains(tests, "func "+name+"(t *testing.T)") {
				t.Errorf("row %s: there is no test %s", number, name)
			}
		}
		for _, name := range regexp.MustCompile(`conformance: "([^"]+)"|", "([^"]+)"`).FindAllStringSubmatch(row, -1) {
			named++
			if !strings.Contains(contract, `{"`+name[1]+name[2]+`", `) {
				t.Errorf("row %s: the contract has no row %q", number, name[1]+name[2])
			}
		}
		if why := regexp.MustCompile(`[Nn]o test|No remedy|nothing to test`); named == 0 && !why.MatchString(row) {
			t.Errorf("row %s names no test and does not say why: %s", number, row)
		}
	}
}

func read(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

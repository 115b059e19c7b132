package transfer

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mqha/mqha/internal/vfs"
)

// fieldPaths adds the names of all fields of t, as they stand in JSON.
func fieldPaths(paths map[string]bool, prefix string, t reflect.Type) {
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()), t == reflect.TypeFor[[]byte]():
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice:
		fieldPaths(paths, prefix, t.Elem())
		return
	case t.Kind() == reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			if !f.Anonymous && f.IsExported() {
				fieldPaths(paths, strings.TrimPrefix(prefix+"."+nameOf(f), "."), f.Type)
			}
		}
		return
	}
	paths[prefix] = true
}

func nameOf(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		return name
	}
	return f.Name
}

// recordWith is a record with nothing but the field at path, and what it lies in.
func recordWith(t *testing.T, path string) *record {
	t.Helper()
	r := new(record)
	v := reflect.ValueOf(r).Elem()
	for name := range strings.SplitSeq(path, ".") {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice {
			if v.Kind() == reflect.Pointer {
				v.Set(reflect.New(v.Type().Elem()))
				v = v.Elem()
				continue
			}
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			v = v.Index(0)
		}
		field := reflect.Value{}
		for _, f := range reflect.VisibleFields(v.Type()) {
			if nameOf(f) == name && !f.Anonymous {
				field = v.FieldByIndex(f.Index)
			}
		}
		if !field.IsValid() {
			t.Fatalf("a record has no field %s", path)
		}
		v = field
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
	}
	return r
}

// listed reads the fields of a format.
func listed(t *testing.T, format int) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(golden(format, "fields"))
	if err != nil {
		t.Fatalf("every format has a list of its fields and a journal with all of them: %v", err)
	}
	fields := map[string]bool{}
	for f := range strings.FieldsSeq(string(text)) {
		fields[f] = true
	}
	return fields
}

func golden(format int, what string) string {
	return filepath.Join("testdata", fmt.Sprintf("format%d.%s", format, what))
}

func isRecord(path string) bool {
	return !strings.HasPrefix(path, "head.") && !strings.HasPrefix(path, "sources.") && !strings.HasPrefix(path, "manifest.")
}

// TestEveryFieldOfTheJournalBeginsWithAFormat: who adds a field has to add a format with a list and a journal of
// its own, and record.format has to say so. An earlier release would lose it otherwise, without a word.
func TestEveryFieldOfTheJournalBeginsWithAFormat(t *testing.T) {
	here := map[string]bool{}
	fieldPaths(here, "", reflect.TypeFor[record]())
	fieldPaths(here, "head", reflect.TypeFor[journalHead]())
	fieldPaths(here, "sources", reflect.TypeFor[source]())
	fieldPaths(here, "manifest", reflect.TypeFor[manifest]())
	if want := listed(t, NewestFormat); !maps.Equal(here, want) {
		t.Errorf("fields are\n%s\nformat %d has\n%s", lines(here), NewestFormat, lines(want))
	}
	first := map[string]int{}
	for format := NewestFormat; format >= firstFormat; format-- {
		for f := range listed(t, format) {
			if first[f] != format+1 && format < NewestFormat {
				t.Errorf("format %d has %s, and format %d has not", format, f, format+1)
			}
			first[f] = format
		}
	}
	for f, format := range first {
		if isRecord(f) && recordWith(t, f).format() != format {
			t.Errorf("record.format says %d of a record with %s, which begins with format %d", recordWith(t, f).format(), f, format)
		}
	}
}

// TestEveryDigestBeginsWithAFormat: with a later one, a record that has it says so.
func TestEveryDigestBeginsWithAFormat(t *testing.T) {
	for d, want := range map[Digest]int{"": 1, SHA256: 1, CRC32C: 1, "of a later release": 0} {
		if d.format() != want || d.known() != (d != "" && want > 0) {
			t.Errorf("%q: format %d, known %v", d, d.format(), d.known())
		}
		for _, r := range []record{{Out: &outRecord{Digest: d}}, {In: &inRecord{Digest: d}}} {
			if r.format() != max(want, firstFormat) {
				t.Errorf("%q: a record with it has format %d", d, r.format())
			}
		}
	}
}

func lines(fields map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(fields)), "\n")
}

// TestEveryFormatIsReadAndWrittenWithoutLoss: that of format 1 was written by the release 41002bffc0a2.
func TestEveryFormatIsReadAndWrittenWithoutLoss(t *testing.T) {
	for format := firstFormat; format <= NewestFormat; format++ {
		content, err := os.ReadFile(golden(format, "journal"))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{}
		for f := range listed(t, format) {
			if isRecord(f) || strings.HasPrefix(f, "head.") {
				want[f] = true
			}
		}
		if has := entriesOf(t, content); !maps.Equal(has, want) {
			t.Errorf("the journal of format %d has\n%s\nits fields are\n%s", format, lines(has), lines(want))
		}
		state := t.TempDir()
		if err := os.WriteFile(filepath.Join(state, "journal.3.1"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		read := stateIn(t, state, format)
		rewrite(t, state, 4)
		written := stateIn(t, state, format)
		if !slices.Equal(idsOf(read.over()), idsOf(written.over())) {
			t.Errorf("format %d: the order of the ends has changed", format)
		}
		read.ends, written.ends = endOrder{}, endOrder{}
		if !reflect.DeepEqual(read, written) || len(read.out) < 2 || len(read.in) < 2 {
			t.Errorf("format %d was read as %+v and written as %+v", format, read, written)
		}
	}
}

// entriesOf gives the fields that are set in a journal, each of whose entries must be read and written as it is.
func entriesOf(t *testing.T, content []byte) map[string]bool {
	t.Helper()
	fields := map[string]bool{}
	body, rest := cutEntry(content[marksBytes:])
	var into any = new(journalHead)
	for prefix := "head"; body != nil; prefix = "" {
		strict := json.NewDecoder(bytes.NewReader(body))
		strict.DisallowUnknownFields()
		if err := strict.Decode(into); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if again, err := json.Marshal(into); err != nil || !bytes.Equal(again, body) {
			t.Errorf("%s\nbecame\n%s, %v", body, again, err)
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		setFields(fields, prefix, v)
		body, rest = cutEntry(rest)
		into = new(record)
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes are no entry", len(rest))
	}
	return fields
}

func setFields(fields map[string]bool, prefix string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			setFields(fields, strings.TrimPrefix(prefix+"."+name, "."), inner)
		}
	case []any:
		for _, inner := range v {
			setFields(fields, prefix, inner)
		}
	default:
		fields[prefix] = true
	}
}

// stateIn reads the newest journal of a state directory, which must have that format.
func stateIn(t *testing.T, from string, format int) *state {
	t.Helper()
	dir, names := journalsIn(t, from)
	s, got, err := readJournal(dir, names[len(names)-1])
	if err != nil || got != format {
		t.Fatalf("format %d, want %d: %v", got, format, err)
	}
	return s
}

func journalsIn(t *testing.T, state string) (*tree, []journalName) {
	t.Helper()
	dir, err := openTree(vfs.OpenRoot, state, goodLease(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	names, err := journalNames(dir)
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	return dir, names
}

// rewrite writes the journal anew, as an engine does that opens it.
func rewrite(t *testing.T, state string, epoch uint64) {
	t.Helper()
	dir, err := openTree(vfs.OpenRoot, state, goodLease(epoch))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	j, _, err := openJournal(dir, epoch, NewestFormat, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}

// TestJournalOfAReleaseBetweenTwoFormatsIsRaised: before there were formats, releases wrote moves into journals of
// format 1. They cannot be written in format 1 without loss.
func TestJournalOfAReleaseBetweenTwoFormatsIsRaised(t *testing.T) {
	content, err := os.ReadFile(golden(2, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	_, records := cutEntry(content[marksBytes:])
	head, err := appendEntry(bytes.Clone(content[:marksBytes]), journalHead{Format: 1, Epoch: 3})
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	if err := os.WriteFile(filepath.Join(state, "journal.3.1"), append(head, records...), 0o600); err != nil {
		t.Fatal(err)
	}
	rewrite(t, state, 4)
	if s := stateIn(t, state, 2); s.out[ID{0: 0xa0, 15: 5}].Moving == nil {
		t.Error("the move has become a copy")
	}
}

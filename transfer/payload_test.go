package transfer

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzPayload: what stands in a control frame is read without a panic, and what was understood is written and read
// again as the same.
func FuzzPayload(f *testing.F) {
	for _, v := range []any{
		announcement{ManifestBytes: 100, Files: 2, Bytes: 1 << 40, Digest: SHA256},
		result{Failed: 101, Failures: []FileFailure{{Name: "a/b", Reason: "a name that is taken"}}, Reason: "refused"},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"manifest":-1,"files":1e9,"bytes":9223372036854775807,"digest":"md5","later":{"x":[]}}`))
	f.Add([]byte(`{"failed":-1,"failures":[{}],"reason":"\u0000"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		again[announcement](t, b)
		again[result](t, b)
	})
}

func again[T any](t *testing.T, b []byte) {
	t.Helper()
	var first, second T
	if json.Unmarshal(b, &first) != nil {
		return
	}
	written, err := json.Marshal(first)
	if err == nil {
		err = json.Unmarshal(written, &second)
	}
	if err != nil {
		t.Fatalf("%q is read, and then: %v", b, err)
	}
	third, err := json.Marshal(second)
	if err != nil || !bytes.Equal(written, third) {
		t.Errorf("%q is written as %q and then as %q, %v", b, written, third, err)
	}
}

// FuzzDigestState: a state of the journal that is not one is refused, and one that is goes on as its digest did.
func FuzzDigestState(f *testing.F) {
	for _, kind := range []Digest{SHA256, CRC32C} {
		d := kind.begin()
		if _, err := d.Write(bytes.Repeat([]byte("x"), 100)); err != nil {
			f.Fatal(err)
		}
		state, err := d.appendState(nil)
		if err != nil {
			f.Fatal(err)
		}
		sum := d.sum()
		f.Add(state, sum[:], kind == SHA256)
		f.Add(state[:len(state)-1], sum[:], kind == SHA256)
		f.Add(state, sum[:], kind != SHA256)
	}
	f.Fuzz(func(t *testing.T, state, sum []byte, sha bool) {
		kind := CRC32C
		if sha {
			kind = SHA256
		}
		d := kind.resume(point{State: state, Sum: sum})
		if d == nil {
			return
		}
		if have := d.sum(); !bytes.Equal(have[:], sum) {
			t.Fatal("it goes on with a state that its sum does not prove")
		}
		same, err := d.appendState(nil)
		if err != nil {
			t.Fatal(err)
		}
		e := kind.resume(point{State: same, Sum: sum})
		if e == nil {
			t.Fatal("its own state is refused")
		}
		for _, x := range []digest{d, e} {
			if _, err := x.Write([]byte("more")); err != nil {
				t.Fatal(err)
			}
		}
		if d.sum() != e.sum() {
			t.Error("the state that was kept goes on differently")
		}
	})
}

// TestJournalRecordsAreReadAsTheyWereWritten: every kind of record, with all its fields.
func TestJournalRecordsAreReadAsTheyWereWritten(t *testing.T) {
	kinds := reflect.TypeFor[record]()
	for i := range kinds.NumField() {
		var r record
		field := reflect.ValueOf(&r).Elem().Field(i)
		field.Set(reflect.New(field.Type().Elem()))
		fill(field.Elem(), 1)
		entry, err := appendEntry(nil, &r)
		if err != nil {
			t.Fatal(err)
		}
		body, rest := cutEntry(entry)
		var got record
		if err := json.Unmarshal(body, &got); err != nil || len(rest) > 0 || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: written %+v, read %+v, %v", kinds.Field(i).Name, field.Elem(), reflect.ValueOf(got).Field(i), err)
		}
	}
}

// fill gives every field another value that is not zero.
func fill(v reflect.Value, n int64) int64 {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n = fill(v.Field(i), n)
		}
		return n
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			n = fill(v.Index(i), n)
		}
		return n
	case reflect.String:
		v.SetString(string(rune('a' + n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(n)
	default:
		v.SetUint(uint64(n % 100))
	}
	return n + 1
}

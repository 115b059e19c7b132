//go:build ibmmq && cgo

package jms20

import (
	"reflect"
	"testing"
)

// Every option that both transports have is passed on: one that was forgotten would be its default, without a word.
func TestOptionsAreCarriedToTheClient(t *testing.T) {
	var o Options
	given := reflect.ValueOf(&o).Elem()
	for i := range given.NumField() {
		switch f := given.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(given.Type().Field(i).Name)
		case reflect.Int:
			f.SetInt(int64(i) + 1)
		case reflect.Bool:
			f.SetBool(true)
		}
	}
	carried := reflect.ValueOf(o.client())
	if carried.NumField() < 10 {
		t.Fatalf("only %d options", carried.NumField())
	}
	for i := range carried.NumField() {
		name := carried.Type().Field(i).Name
		if want := given.FieldByName(name); !want.IsValid() || !carried.Field(i).Equal(want) {
			t.Errorf("%s is %v, given was %v", name, carried.Field(i), want)
		}
	}
}

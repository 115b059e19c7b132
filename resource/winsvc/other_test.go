//go:build !windows

package winsvc

import (
	"errors"
	"testing"

	"github.com/mqha/mqha/resource"
)

func TestOtherSystemsSayThatTheyHaveNoSuchServices(t *testing.T) {
	if is, err := IsService(); is || err != nil {
		t.Errorf("IsService: %v, %v", is, err)
	}
	for name, err := range map[string]error{"Run": Run("agent", resource.Program{}, Options{}), "Install": Install(Config{}), "Remove": Remove(t.Context(), "agent")} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

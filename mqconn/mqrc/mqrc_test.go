package mqrc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn/mqrc"
)

func ExampleReason_String() {
	fmt.Println(mqrc.QMgrNotAvailable)
	fmt.Println(mqrc.Reason(2059).Name())
	fmt.Println(mqrc.Reason(12345))
	// Output:
	// 2059 MQRC_Q_MGR_NOT_AVAILABLE
	// MQRC_Q_MGR_NOT_AVAILABLE
	// 12345
}

func TestNamesAreUniqueAndThoseOfTheHeader(t *testing.T) {
	seen := map[string]mqrc.Reason{}
	for r := mqrc.Reason(0); r < 10000; r++ {
		name := r.Name()
		if name == "" {
			continue
		}
		if !strings.HasPrefix(name, "MQRC_") || strings.ToUpper(name) != name {
			t.Errorf("%d: %q", r, name)
		}
		if other, dup := seen[name]; dup {
			t.Errorf("%d and %d: %q", r, other, name)
		}
		seen[name] = r
	}
	for _, r := range []mqrc.Reason{2009, 2033, 2035, 2042, 2053, 2058, 2059, 2085, 2161, 2162, 2537, 2538, 2539, 2540} {
		if r.Name() == "" {
			t.Errorf("%d has no name", r)
		}
	}
}

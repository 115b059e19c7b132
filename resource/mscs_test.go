package resource_test

import (
	"testing"
	"time"

	"github.com/mqha/mqha/resource"
)

// The documented defaults of the cluster service. The pages are those of Microsoft's Failover Cluster API
// reference, learn.microsoft.com/previous-versions/windows/desktop/mscs/<page>.
func TestDefaultsAreThoseThatMicrosoftDocuments(t *testing.T) {
	p := resource.Policy{}.WithDefaults()
	for _, row := range []struct {
		property, page string
		ours           time.Duration
		milliseconds   int64
	}{
		{"LooksAlivePollInterval", "resource-types-looksalivepollinterval", p.LooksAlivePoll, 5000},
		{"IsAlivePollInterval", "resource-types-isalivepollinterval", p.IsAlivePoll, 60000},
		{"PendingTimeout", "resources-pendingtimeout", p.PendingTimeout, 180000},
		{"RestartPeriod", "resources-restartperiod", p.RestartPeriod, 900000},
		{"RetryPeriodOnFailure", "resources-retryperiodonfailure", p.RetryPeriodOnFailure, 0x36EE80},
	} {
		if row.ours.Milliseconds() != row.milliseconds {
			t.Errorf("%s is %v, but %d ms on page %s", row.property, row.ours, row.milliseconds, row.page)
		}
	}
	// resources-restartthreshold: "The default is three". Tools since Windows Server 2008 set 1 in the
	// resources that they create.
	if p.RestartThreshold != 3 {
		t.Errorf("RestartThreshold is %d", p.RestartThreshold)
	}
}

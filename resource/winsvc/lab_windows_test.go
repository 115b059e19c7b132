//go:build lab

package winsvc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"github.com/mqha/mqha/internal/need"
	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/resource"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// Run it as an administrator, with go test -tags lab ./resource/winsvc; TestAllOfThisUnderWine runs it on Linux.
//
// The test binary is the service when its command line says so. (Wine does not tell a service that it is
// one, so IsService is not judged there.)
func TestMain(m *testing.M) {
	if len(os.Args) >= 3 && os.Args[1] == serviceArgument {
		if err := serve(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serve is the service: works, fails, or holds the lock in a directory.
func serve(args []string) error {
	o := Options{WaitHint: 2 * time.Second}
	switch args[0] {
	case "fails":
		o.ExitCode = func(error) int { return 75 }
		return Run(serviceName, steps(errors.New("as asked")), o)
	case "holds":
		return Run(serviceName, holder(args[1]), o)
	}
	return Run(serviceName, steps(nil), o)
}

const (
	serviceName     = "mqha-winsvc-test"
	serviceArgument = "mqha-service"
	stepCount       = 5
	step            = 300 * time.Millisecond
	localService    = `NT AUTHORITY\LocalService`
)

// steps takes its time to start and to stop, and says so. It ends by itself when it is to fail.
func steps(failure error) resource.Program {
	slowly := func(n resource.Notifier, what string) {
		for k := range stepCount {
			n.Progress(fmt.Sprint(what, k), step)
			time.Sleep(step)
		}
	}
	return resource.Program{Name: serviceName, Run: func(ctx context.Context, n resource.Notifier) error {
		slowly(n, "start ")
		n.Ready()
		if failure != nil {
			return failure
		}
		<-ctx.Done()
		slowly(n, "stop ")
		return nil
	}}
}

// holder is ready when it has the lock in a directory that the nodes share.
func holder(dir string) resource.Program {
	return resource.Program{Name: serviceName, Run: func(ctx context.Context, n resource.Notifier) error {
		n.Healthy(func(context.Context) error { return nil })
		lease, err := lockfile.Acquire(ctx, lockIn(dir), lockfile.Options{Poll: 50 * time.Millisecond})
		if err != nil {
			return err
		}
		n.Ready()
		<-ctx.Done()
		return lease.Release(context.Background())
	}}
}

func lockIn(dir string) string { return filepath.Join(dir, "agent.lck") }

func open(t *testing.T) *mgr.Service {
	t.Helper()
	m, err := mgr.Connect()
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.OpenService(serviceName)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), m.Disconnect()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// query asks for what mgr.Service.Query leaves out as well.
func query(t *testing.T, s *mgr.Service) (now windows.SERVICE_STATUS_PROCESS) {
	t.Helper()
	var n uint32
	if err := windows.QueryServiceStatusEx(s.Handle, windows.SC_STATUS_PROCESS_INFO, (*byte)(unsafe.Pointer(&now)), uint32(unsafe.Sizeof(now)), &n); err != nil {
		t.Fatal(err)
	}
	return now
}

// until queries the service until it is in the state, and returns the highest checkpoint of the pending
// state and its wait hint.
func until(t *testing.T, s *mgr.Service, pending, state svc.State) (checkPoint, waitHint uint32, last windows.SERVICE_STATUS_PROCESS) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		now := query(t, s)
		switch svc.State(now.CurrentState) {
		case state:
			return checkPoint, waitHint, now
		case pending:
			if now.CheckPoint < checkPoint {
				t.Fatalf("checkpoint %d after %d", now.CheckPoint, checkPoint)
			}
			checkPoint, waitHint = now.CheckPoint, now.WaitHint
		}
	}
	t.Fatalf("state %d is not reached", state)
	return 0, 0, last
}

// ask has another process ask the control manager: Wine serves the next call of a process only when the
// service is no longer pending.
func ask(verb string) <-chan error {
	done := make(chan error, 1)
	go func() {
		out, err := exec.Command("sc.exe", verb, serviceName).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("sc %s: %w: %s", verb, err, out)
		}
		done <- err
	}()
	return done
}

// settings asks for what Wine knows: mgr.Service.Config asks for more.
func settings(t *testing.T, s *mgr.Service) (displayName, account string, startType uint32) {
	t.Helper()
	buf := make([]byte, 8<<10)
	c, n := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buf[0])), uint32(len(buf))
	if err := windows.QueryServiceConfig(s.Handle, c, n, &n); err != nil {
		t.Fatal(err)
	}
	return windows.UTF16PtrToString(c.DisplayName), windows.UTF16PtrToString(c.ServiceStartName), c.StartType
}

// preShutdownLimit is what the control manager has noted, in milliseconds.
func preShutdownLimit(t *testing.T, s *mgr.Service) (ms uint32) {
	t.Helper()
	n := uint32(unsafe.Sizeof(ms))
	if err := windows.QueryServiceConfig2(s.Handle, windows.SERVICE_CONFIG_PRESHUTDOWN_INFO, (*byte)(unsafe.Pointer(&ms)), n, &n); err != nil {
		t.Fatal(err)
	}
	return ms
}

// sourceRegistered: Event Viewer knows how to show what the service writes.
func sourceRegistered(t *testing.T) bool {
	t.Helper()
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\EventLog\Application\`+serviceName, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return false
	} else if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	_, _, err = key.GetStringValue("EventMessageFile")
	return err == nil
}

// install returns when the service is registered; the test removes it.
func install(t *testing.T, c Config) {
	t.Helper()
	if err := Install(c); errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		need.Missing(t, "needs the rights of an administrator")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(context.Background(), serviceName); err != nil {
			t.Error(err)
		}
	})
}

func TestLifeUnderTheControlManager(t *testing.T) {
	config := Config{Name: serviceName, DisplayName: "first", Args: []string{serviceArgument, "works"}, Account: localService}
	install(t, config)
	config.DisplayName, config.Description, config.Account = "second", "installed again", ""
	config.PreShutdown = 100 * time.Second
	if err := Install(config); err != nil {
		t.Fatal(err)
	}
	s := open(t)
	if name, account, startType := settings(t, s); name != "second" || account != localService || startType != mgr.StartManual {
		t.Errorf("display name %q, account %q, start type %d", name, account, startType)
	}
	if ms := preShutdownLimit(t, s); ms != 100_000 {
		t.Errorf("the system waits for it for %d ms when it shuts down", ms)
	}
	if !sourceRegistered(t) {
		t.Error("its source in the event log is not registered")
	}
	started := ask("start")
	check, hint, now := until(t, s, svc.StartPending, svc.Running)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	const controls = windows.SERVICE_ACCEPT_STOP | windows.SERVICE_ACCEPT_PRESHUTDOWN
	if check < 3 || hint < 450 || now.ControlsAccepted&controls != controls {
		t.Fatalf("start: checkpoint %d, wait hint %d ms, accepts %d", check, hint, now.ControlsAccepted)
	}
	stopped := ask("stop")
	check, hint, now = until(t, s, svc.StopPending, svc.Stopped)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	t.Logf("stopping: %d checkpoints, wait hint %d ms", check, hint)
	if check < 3 || hint < 450 || now.Win32ExitCode != 0 {
		t.Errorf("stop: checkpoint %d, wait hint %d ms, exit code %d", check, hint, now.Win32ExitCode)
	}

	// Remove stops a service that runs, and is content when there is none.
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, s, svc.StartPending, svc.Running)
	if err := Remove(t.Context(), serviceName); err != nil {
		t.Fatal(err)
	}
	if err := Remove(t.Context(), serviceName); err != nil {
		t.Errorf("twice: %v", err)
	}
	if sourceRegistered(t) {
		t.Error("its source in the event log is left behind")
	}
}

func TestErrorIsTheServiceSpecificExitCode(t *testing.T) {
	install(t, Config{Name: serviceName, Args: []string{serviceArgument, "fails"}})
	s := open(t)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	_, _, now := until(t, s, svc.StartPending, svc.Stopped)
	if now.Win32ExitCode != uint32(windows.ERROR_SERVICE_SPECIFIC_ERROR) || now.ServiceSpecificExitCode != 75 {
		t.Errorf("exit code %d, of the service %d", now.Win32ExitCode, now.ServiceSpecificExitCode)
	}
}

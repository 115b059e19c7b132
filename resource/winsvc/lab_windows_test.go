//go:build lab

package winsvc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
	"unsafe"

	"github.com/mqha/mqha/internal/need"
	"github.com/mqha/mqha/resource"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// Run it as an administrator, or on Linux under Wine:
//
//	GOOS=windows go test -tags lab -exec wine ./resource/winsvc
//
// The test binary is the service when its command line says so. (Wine does not tell a service that it is
// one, so IsService is not judged here.)
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == serviceArgument {
		code := 0
		if os.Args[2] == "fails" {
			code = 75
		}
		err := Run(serviceName, steps(code), Options{WaitHint: 2 * time.Second, ExitCode: func(error) int { return code }})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	serviceName     = "mqha-winsvc-test"
	serviceArgument = "mqha-service"
	stepCount       = 5
	step            = 300 * time.Millisecond
)

// steps takes its time to start and to stop, and says so. It ends by itself with an error when code is not 0.
func steps(code int) resource.Program {
	slowly := func(n resource.Notifier, what string) {
		for k := range stepCount {
			n.Progress(fmt.Sprint(what, k), step)
			time.Sleep(step)
		}
	}
	return resource.Program{Name: serviceName, Run: func(ctx context.Context, n resource.Notifier) error {
		slowly(n, "start ")
		n.Ready()
		if code != 0 {
			return errors.New("as asked")
		}
		<-ctx.Done()
		slowly(n, "stop ")
		return nil
	}}
}

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

// until queries the service until it is in the state, and returns the highest checkpoint of the pending
// state and its wait hint.
func until(t *testing.T, s *mgr.Service, pending, state svc.State) (checkPoint, waitHint uint32, last windows.SERVICE_STATUS_PROCESS) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var now windows.SERVICE_STATUS_PROCESS // mgr.Service.Query leaves out what is looked for here
		var n uint32
		if err := windows.QueryServiceStatusEx(s.Handle, windows.SC_STATUS_PROCESS_INFO, (*byte)(unsafe.Pointer(&now)), uint32(unsafe.Sizeof(now)), &n); err != nil {
			t.Fatal(err)
		}
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
func settings(t *testing.T, s *mgr.Service) (displayName string, startType uint32) {
	t.Helper()
	buf := make([]byte, 8<<10)
	c, n := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buf[0])), uint32(len(buf))
	if err := windows.QueryServiceConfig(s.Handle, c, n, &n); err != nil {
		t.Fatal(err)
	}
	return windows.UTF16PtrToString(c.DisplayName), c.StartType
}

func TestLifeUnderTheControlManager(t *testing.T) {
	config := Config{Name: serviceName, DisplayName: "first", Args: []string{serviceArgument, "works"}}
	if err := Install(config); errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		need.Missing(t, "needs the rights of an administrator")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(context.Background(), serviceName); err != nil {
			t.Error(err)
		}
	})
	config.DisplayName, config.Description = "second", "installed twice, as on the second node"
	if err := Install(config); err != nil {
		t.Fatal(err)
	}
	s := open(t)
	if name, startType := settings(t, s); name != "second" || startType != mgr.StartManual {
		t.Errorf("display name %q, start type %d", name, startType)
	}
	started := ask("start")
	check, hint, now := until(t, s, svc.StartPending, svc.Running)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	if check < 3 || hint < 450 || now.ControlsAccepted&windows.SERVICE_ACCEPT_STOP == 0 {
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
}

func TestErrorIsTheServiceSpecificExitCode(t *testing.T) {
	if err := Install(Config{Name: serviceName, Args: []string{serviceArgument, "fails"}}); errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		need.Missing(t, "needs the rights of an administrator")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(context.Background(), serviceName); err != nil {
			t.Error(err)
		}
	})
	s := open(t)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	_, _, now := until(t, s, svc.StartPending, svc.Stopped)
	if now.Win32ExitCode != uint32(windows.ERROR_SERVICE_SPECIFIC_ERROR) || now.ServiceSpecificExitCode != 75 {
		t.Errorf("exit code %d, of the service %d", now.Win32ExitCode, now.ServiceSpecificExitCode)
	}
}

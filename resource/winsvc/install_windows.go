package winsvc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

// Install registers the service, or brings the settings of one that is registered up to date, but for an
// account that c leaves empty; it starts nothing. It needs the rights of an administrator.
func Install(c Config) error {
	if c.Name == "" {
		return errors.New("winsvc: Config.Name is empty")
	}
	if c.Executable == "" {
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		c.Executable = exe
	}
	if c.DisplayName == "" {
		c.DisplayName = c.Name
	}
	m, err := connect(c.OnNode)
	if err != nil {
		return fmt.Errorf("winsvc: control manager: %w", err)
	}
	err = c.register(m)
	if c.OnNode == "" && err == nil {
		err = registerSource(c.Name)
	}
	return errors.Join(err, m.Disconnect())
}

func connect(node string) (*mgr.Mgr, error) {
	if node == "" {
		return mgr.Connect()
	}
	return mgr.ConnectRemote(node)
}

func (c Config) register(m *mgr.Mgr) error {
	config := mgr.Config{ServiceType: windows.SERVICE_WIN32_OWN_PROCESS, StartType: mgr.StartManual, ErrorControl: mgr.ErrorNormal,
		DisplayName: c.DisplayName, Description: c.Description, ServiceStartName: c.Account, Password: c.Password}
	if c.Automatic {
		config.StartType = mgr.StartAutomatic
	}
	s, err := m.OpenService(c.Name)
	switch {
	case err == nil:
		err = c.update(s, config)
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		s, err = m.CreateService(c.Name, c.Executable, config, c.Args...)
	}
	if err != nil {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
		return fmt.Errorf("winsvc: service %s: %w", c.Name, err)
	}
	return errors.Join(c.recovery(s), c.preShutdown(s), s.Close())
}

// update changes what Config describes and nothing else: an administrator may have added dependencies, or
// a SID type, which mgr.Service.UpdateConfig would overwrite.
func (c Config) update(s *mgr.Service, config mgr.Config) error {
	var texts [5]*uint16
	for i, text := range []string{commandLine(c.Executable, c.Args), c.DisplayName, c.Description, c.Account, c.Password} {
		if text == "" && i > 2 {
			continue // keeps the account
		}
		p, err := windows.UTF16PtrFromString(text)
		if err != nil {
			return err
		}
		texts[i] = p
	}
	err := windows.ChangeServiceConfig(s.Handle, config.ServiceType, config.StartType, config.ErrorControl, texts[0], nil, nil, nil, texts[3], texts[4], texts[1])
	if err != nil {
		return err
	}
	d := windows.SERVICE_DESCRIPTION{Description: texts[2]}
	return windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_DESCRIPTION, (*byte)(unsafe.Pointer(&d)))
}

// commandLine quotes as mgr.CreateService does.
func commandLine(exe string, args []string) string {
	line := windows.EscapeArg(exe)
	for _, a := range args {
		line += " " + windows.EscapeArg(a)
	}
	return line
}

// resetFailures forgets failures after a day, in seconds.
const resetFailures = 24 * 60 * 60

func (c Config) recovery(s *mgr.Service) error {
	if len(c.Restart) == 0 {
		actions, err := s.RecoveryActions()
		if err != nil || len(actions) == 0 {
			return nil // none that an earlier Install could have left
		}
		return s.ResetRecoveryActions()
	}
	var actions []mgr.RecoveryAction
	for _, delay := range c.Restart {
		actions = append(actions, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: delay})
	}
	if err := s.SetRecoveryActions(actions, resetFailures); err != nil {
		return fmt.Errorf("winsvc: recovery actions: %w", err)
	}
	// Without it only a crash counts, and not an end with an exit code.
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil {
		return fmt.Errorf("winsvc: recovery actions: %w", err)
	}
	return nil
}

// preShutdown: SERVICE_PRESHUTDOWN_INFO is the number of milliseconds. The default of the system is ten
// seconds since Windows 10 1703, less than a drain may take.
func (c Config) preShutdown(s *mgr.Service) error {
	limit := c.PreShutdown
	if limit <= 0 {
		limit = 3 * time.Minute
	}
	ms := uint32(limit.Milliseconds())
	if err := windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_PRESHUTDOWN_INFO, (*byte)(unsafe.Pointer(&ms))); err != nil {
		return fmt.Errorf("winsvc: time for PRESHUTDOWN: %w", err)
	}
	return nil
}

func registerSource(name string) error {
	err := eventlog.Remove(name) // what an earlier Install has left
	if err != nil && !errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return fmt.Errorf("winsvc: event source: %w", err)
	}
	if err := eventlog.InstallAsEventCreate(name, eventlog.Error|eventlog.Warning|eventlog.Info); err != nil {
		return fmt.Errorf("winsvc: event source: %w", err)
	}
	return nil
}

// Remove stops the service, waits for its end until ctx ends, and removes it and its event source. A
// service that is not there is no error.
func Remove(ctx context.Context, name string) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("winsvc: control manager: %w", err)
	}
	err = remove(ctx, m, name)
	if source := eventlog.Remove(name); source != nil && !errors.Is(source, windows.ERROR_FILE_NOT_FOUND) {
		err = errors.Join(err, fmt.Errorf("winsvc: event source: %w", source))
	}
	return errors.Join(err, m.Disconnect())
}

func remove(ctx context.Context, m *mgr.Mgr, name string) error {
	s, err := m.OpenService(name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return nil
	} else if err != nil {
		return fmt.Errorf("winsvc: service %s: %w", name, err)
	}
	err = stop(ctx, s)
	if err == nil {
		err = s.Delete()
	}
	if errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
		err = nil // somebody has it open still; it goes with the last handle
	}
	if err != nil {
		err = fmt.Errorf("winsvc: service %s: %w", name, err)
	}
	return errors.Join(err, s.Close())
}

// stop asks again while the service cannot be asked, because it is starting.
func stop(ctx context.Context, s *mgr.Service) error {
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		now, err := s.Query()
		if err != nil || now.State == svc.Stopped {
			return err
		}
		if now.State == svc.Running {
			if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) &&
				!errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL) {
				return err
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("has not stopped: %w", ctx.Err())
		}
	}
}

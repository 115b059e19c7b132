package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/transfer"
)

// movedName is a file that is moved once the upgrade is finalised.
const movedName = "moved"

// upgrade is the end of the story with -earlier, after all was compared: the earlier release takes over once more, this
// one comes back, and an operator finalises the upgrade. From then on sources can be deleted, and there is no way back.
func (d *demo) upgrade(ctx context.Context, r *report, id transfer.ID) error {
	if err := os.WriteFile(d.path("big", movedName), []byte("moved\n"), 0o644); err != nil {
		return err
	}
	if err := d.startQueueManager(ctx, d.endpoint); err != nil {
		return err
	}
	client, err := ha.NewClient(d.mq(), sourceAgent)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := d.rollBack(ctx, r, client, id); err != nil {
		return err
	}
	if err := d.finalise(ctx, r, client, id); err != nil {
		return err
	}
	if err := stopTogether(d.sources[0], d.destination); err != nil {
		return err
	}
	if err := d.earlierRefuses(ctx, r); err != nil {
		return err
	}
	return d.queueManager.stop(stopLimit)
}

// rollBack lets the earlier release be the source agent for a while. It knows the transfer, and no finalise.
func (d *demo) rollBack(ctx context.Context, r *report, client *ha.Client, id transfer.ID) error {
	if err := d.startSource(ctx, "source agent 3", d.options.earlier); err != nil {
		return err
	}
	if err := d.knows(ctx, r, id); err != nil {
		return err
	}
	var refused *ha.RefusedError
	if err := client.Finalise(ctx); !errors.As(err, &refused) || refused.Refusal != ha.RefusedMalformed {
		r.problem("the earlier release was told to finalise: %v", err)
	}
	return d.sources[0].stop(stopLimit)
}

// startSource starts a source agent that is the only one.
func (d *demo) startSource(ctx context.Context, name, program string) error {
	c, err := d.startAgent(name, program, d.sourceSettings(""))
	if err != nil {
		return err
	}
	d.sources = []*child{c}
	return d.isActive(ctx, c)
}

func (d *demo) knows(ctx context.Context, r *report, id transfer.ID) error {
	s, err := status(ctx, d.mq(), sourceAgent, id)
	return r.judgeAgent(sourceAgent, s, err, false)
}

// finalise asks this release for a move before and after it.
func (d *demo) finalise(ctx context.Context, r *report, client *ha.Client, id transfer.ID) error {
	if err := d.startSource(ctx, "source agent 4", ""); err != nil {
		return err
	}
	var err error
	if d.destination, err = d.startAgent("destination agent 3", "", d.destinationSettings()); err != nil {
		return err
	}
	if err := errors.Join(d.isActive(ctx, d.destination), d.knows(ctx, r, id)); err != nil {
		return err
	}
	move := transfer.Request{
		ID: transfer.NewID(), To: destinationAgent, SourceDisposition: transfer.DeleteSource,
		Items: []transfer.Item{{Source: d.path("big", movedName), Destination: movedName}},
	}
	if err := r.judgeFormat(ctx, client, 1); err != nil {
		return err
	}
	if _, err := client.Submit(ctx, move); !errors.Is(err, transfer.ErrFormat) {
		r.problem("a move before the upgrade is finalised: %v", err)
	}
	if err := client.Finalise(ctx); err != nil {
		return err
	}
	d.show.say("finalised the upgrade")
	if err := r.judgeFormat(ctx, client, transfer.NewestFormat); err != nil {
		return err
	}
	if _, err := client.Submit(ctx, move); err != nil {
		return err
	}
	return d.awaitMove(ctx, r, client, move.ID)
}

func (r *report) judgeFormat(ctx context.Context, client *ha.Client, want int) error {
	pong, err := client.Ping(ctx)
	if err == nil && (pong.Format != want || pong.NewestFormat != transfer.NewestFormat) {
		r.problem("the journals are written in format %d of %d, not %d", pong.Format, pong.NewestFormat, want)
	}
	return err
}

// awaitMove waits until the file has gone from one agent to the other.
func (d *demo) awaitMove(ctx context.Context, r *report, client *ha.Client, id transfer.ID) error {
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	s, err := client.Watch(ctx, id, nil)
	if err != nil {
		return fmt.Errorf("while waiting for the move: %w", err)
	}
	if s.State != transfer.Completed || s.Failed+s.Left > 0 {
		r.problem("the move ended as %+v", s)
	}
	if _, err := os.Stat(d.path("big", movedName)); !errors.Is(err, fs.ErrNotExist) {
		r.problem("the source of the move is still there (%v)", err)
	}
	if _, err := os.Stat(d.path("delivered", movedName)); err != nil {
		r.problem("the move: %v", err)
	}
	return nil
}

// earlierRefuses starts the earlier release on journals of the new format: it has to end, say why, and leave them alone.
func (d *demo) earlierRefuses(ctx context.Context, r *report) error {
	before, err := contents(d.path("source-state", journals))
	if err != nil {
		return err
	}
	settings, err := json.Marshal(d.sourceSettings(""))
	if err != nil {
		return err
	}
	var told lines
	c, err := startChild("source agent 5", told.add, func(error) {}, d.options.earlier, roleAgent, string(settings))
	if err != nil {
		return err
	}
	select {
	case <-c.ended:
	case <-time.After(recoveryLimit):
		c.kill()
		return errors.New("the earlier release goes on with journals that it does not know")
	case <-ctx.Done():
		c.kill()
		return context.Cause(ctx)
	}
	if c.err == nil || !strings.Contains(told.text(), fmt.Sprintf("version %d", transfer.NewestFormat)) {
		r.problem("the earlier release ended with %v and told: %s", c.err, told.text())
	}
	d.show.say("the earlier release refuses the journals: %v", c.err)
	after, err := contents(d.path("source-state", journals))
	if err == nil && before != after {
		r.problem("the earlier release changed the journals")
	}
	return err
}

// lines keeps what a process writes.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) add(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(append(line, '\n'))
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// contents is the names and contents of the files in a directory.
func contents(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&all, "%s %q\n", e.Name(), b)
	}
	return all.String(), nil
}

package ha

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/transfer"
)

// watchInterval is between an answer and the next question.
const watchInterval = time.Second

// Watch follows a transfer until it has ended, and returns its last status. It asks once a second, and calls each, unless
// that is nil, with the first status and with every one that differs from the one before. It waits out an agent and a
// queue manager that are away: a transfer that its agent knows goes on with the next active instance.
//
// When ctx ends first, Watch returns the last status that it has seen with the error of ctx; a *NoAnswerError if it has
// seen none. errors.Is transfer.ErrUnknown if the agent has no transfer of that ID, or none any more
// (transfer.Options.KeepEnded). Of a transfer that ended before, and is still known, it returns at once.
func (c *Client) Watch(ctx context.Context, id transfer.ID, each func(transfer.Status)) (last transfer.Status, err error) {
	seen, put := false, false
	err = c.run(ctx, func() bool { return put }, func(ctx context.Context, conn *mqconn.Conn) error {
		for {
			q, err := c.question(command{Command: statusCommand, Transfer: &id})
			if err != nil {
				return err
			}
			a, err := q.ask(ctx, conn)
			put = put || q.put
			if err != nil {
				return err
			}
			now, err := a.statusOf()
			if err != nil {
				return err
			}
			if news := !seen || !reflect.DeepEqual(now, last); news && each != nil {
				each(now)
			}
			last, seen = now, true
			if now.State.Ended() {
				return nil
			}
			if err := sleep(ctx, watchInterval); err != nil {
				return err
			}
		}
	})
	if seen && errors.Is(err, ErrNoAnswer) {
		err = context.DeadlineExceeded // it did answer, and the transfer has not ended yet
	}
	return last, err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/mqha/mqha/mqconn/mqtest"
)

// The demo asks the queue manager's admin port, and makes no connection for it that would count.

// ask gets a page of the admin port.
func (d *demo) ask(ctx context.Context, page string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.admin+page, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the queue manager's admin port: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the queue manager's admin port: %s for %s", answer.Status, page)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// messagesLeft gives the depth of each queue that is not empty.
func (d *demo) messagesLeft(ctx context.Context) (map[string]int, error) {
	var queues []struct {
		Name  string
		Depth int
	}
	if err := d.ask(ctx, "/queues", &queues); err != nil {
		return nil, err
	}
	if len(queues) == 0 {
		return nil, errors.New("no queue is defined")
	}
	left := make(map[string]int)
	for _, q := range queues {
		if q.Depth != 0 {
			left[q.Name] = q.Depth
		}
	}
	return left, nil
}

// connections says how many connections the queue manager has seen of one application through one kind of
// client library.
type connections struct {
	Application string         `json:"application"`
	Library     mqtest.Library `json:"library"`
	Count       int            `json:"count"`
}

// countConnections adds what the queue manager has counted since it was started. A kill forgets it, so that
// it is asked right before.
func (d *demo) countConnections(ctx context.Context) error {
	var page struct{ Counts []mqtest.ConnectionCount }
	if err := d.ask(ctx, "/connections", &page); err != nil {
		return err
	}
	for _, c := range page.Counts {
		d.connected = append(d.connected, connections{c.Application, c.Library, c.Ever})
	}
	return nil
}

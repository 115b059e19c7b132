// Package jms20 reaches IBM MQ through mq-golang-jms20. (Skeleton.)
package jms20

import "github.com/mqha/mqha/mqconn"

// Options name the queue manager and how to reach it.
type Options struct {
	QueueManager string
	Channel      string
	AppName      string
	User         string
	Password     string
}

// New returns mqconn.ErrNotBuilt, wrapped with the way to build.
func New(o Options) (mqconn.Dialer, error) { panic("skeleton") }

package mqtest

import "github.com/mqha/mqha/mqconn"

// Describe says what a connection would be; see mqconn.Describer.
func (t TCP) Describe(endpoint string) mqconn.Info {
	channel := t.Channel
	if channel == "" {
		channel = DefaultChannel
	}
	return mqconn.Info{QueueManager: t.QueueManager, Channel: channel, Endpoint: endpoint}
}

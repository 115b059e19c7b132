package ha

import "github.com/mqha/mqha/transfer/mqlink"

// InputQueue is the queue that frames for an agent are put to: MQHA.<AGENT>.IN.
func InputQueue(agent string) string { return mqlink.InputQueue(agent) }

// CommandQueue is the queue that commands to an agent are put to: MQHA.<AGENT>.CMD.
func CommandQueue(agent string) string { return "MQHA." + agent + ".CMD" }

// haQueue will carry the token of agents that are elected by their queue manager.
func haQueue(agent string) string { return "MQHA." + agent + ".HA" }

// replyPrefix begins the names of the queues that an agent answers to, and of no other.
const replyPrefix = "MQHA.REPLY."

// ReplyQueue is the queue that clients connected to a queue manager get their answers from:
// MQHA.REPLY.<QUEUE MANAGER>.
func ReplyQueue(queueManager string) string { return replyPrefix + queueManager }

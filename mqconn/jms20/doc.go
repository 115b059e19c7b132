// Package jms20 is a transport over github.com/ibm-messaging/mq-golang-jms20, IBM's JMS-like client
// for Go.
package jms20

// Package orders is message code as programs on mq-golang-jms20 have it: it knows that library and
// nothing else. It is built with the tag ibmmq.
package orders

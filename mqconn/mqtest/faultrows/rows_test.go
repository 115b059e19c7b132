package faultrows_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/mqha/mqha/mqconn/mqtest"
	"github.com/mqha/mqha/mqconn/mqtest/faultrows"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryFaultOverTCP(t *testing.T) { faultrows.Run(t, mqtest.TCP{}) }

package mqtest_test

const roleVariable = "MQTEST_ROLE"

func play(string) int { return 2 }

package transfer

const openNonblock = 0

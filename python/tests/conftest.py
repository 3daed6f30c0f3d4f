"""Where a shell started the tests in the background SIGINT is ignored, by the programs that the tests start and interrupt too."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

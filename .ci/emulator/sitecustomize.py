# Python reads this file at its start, because aws.mjs names the folder in PYTHONPATH. moto_server checks the condition of a write
# and then writes, without a lock: two of its threads may both find that a row is absent. With a time slice that is longer than
# any request, threads change places only where one waits for input.
import sys

sys.setswitchinterval(60)

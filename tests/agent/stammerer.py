"""In the place of the process that runs programs: it ends in the middle of its first word."""

import os

if __name__ == "__main__":
    os.read(0, 4096)
    os.write(0, b'{"ended": 1, "sta')

"""A mount namespace of a row's own, which ends with it: the machine looks different to whoever is started in it."""
import subprocess

from row import Skip
from stage import end


class Mounts:
    """What `commands` of the shell mount in it; `prefix` starts a program in it, `root` is what it sees as /."""

    def __init__(self, commands):
        self.holder = subprocess.Popen(["unshare", "-m", "sh", "-ec", f"{commands}\necho mounted\nexec sleep 86400"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline().strip() != "mounted":
            raise Skip(f"nothing can be mounted here: {self.holder.communicate()[1].strip()}")
        self.prefix = ["nsenter", "-t", str(self.holder.pid), "-m", "--"]
        self.root = f"/proc/{self.holder.pid}/root"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.holder, 5)

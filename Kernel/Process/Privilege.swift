// What only some processes may do: power the machine off, change the network, read the disk past the file system, see all
// frames, and hold the network to measure it. The first process may; children inherit the right, and give it up for good.

import Storage
import Synchronization
import SystemInterface

extension ProcessRef {
    /// - Throws: notPermitted for a process that gave the right up.
    func requirePrivilege() throws(SystemError) {
        guard value.isPrivileged.load(ordering: .relaxed) else { throw .notPermitted }
    }

    /// Gives the right up, for this process and those that it starts from now on.
    func restrict() { value.isPrivileged.store(false, ordering: .relaxed) }
}

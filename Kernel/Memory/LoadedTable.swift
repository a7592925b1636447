// Which page table each hart has loaded. A thread without user memory of its own runs on whatever table is loaded – it
// borrows it – so that switching to it and back flushes nothing. A table is given back only after the harts that borrow
// it have left it.

import Machine
import Storage

enum LoadedTable {
    /// This hart's: in a system call and in a trap from user mode, the process's own.
    static var own: PageTable { PageTable(address: PhysicalAddress(thisHart.value.root.uint)) }

    /// Loads a table on this hart and forgets what the one before cached.
    @inline(__always)
    static func load(_ table: PageTable) {
        write_satp(table.satp)
        // After satp: a hart that is not noted for a table does not use it.
        unsafe note_root(this_hart(), UInt64(table.address.rawValue))  // the hart's own structure
    }

    /// Waits until no other hart has this table loaded, or any of its parts cached for its walks. Its process runs on
    /// this hart or nowhere, so the others borrow it, and none can load it anew. The caller holds no lock.
    static func evictOthers(from table: PageTable) {
        let root = UInt64(table.address.rawValue)
        let own = Int(thisHart.value.index)
        for index in 0..<Harts.count where index != own {
            let hart = Harts.hart(index)
            guard unsafe noted_root(&hart.value) == root else { continue }  // the table of harts stays for ever
            unsafe ask_to_leave_root(&hart.value)  // as above
            Harts.interrupt(index)
            while unsafe noted_root(&hart.value) == root { spin_pause() }  // as above
        }
    }

    /// Leaves a borrowed table when another hart waits for that. From the software interrupt.
    /// - Parameter isBorrowed: the running thread has no user memory of its own.
    static func leaveIfWanted(isBorrowed: Bool) {
        // the hart's own structure
        if unsafe is_asked_to_leave_root(this_hart()) != 0, isBorrowed { load(KernelSpace.table) }
    }
}

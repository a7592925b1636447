// How large a program's stack is, and what of it its arguments may take: the programs of this system, which carry a
// note that says so (Linker/user.ld), get one that grows; xv6's get what xv6 gives them (Documentation/ABI.md, exec).

import Drivers
import Storage
import Synchronization
import SystemInterface

enum ProgramStack {
    /// Pages of the stack of a program without the note: stack=2 among the boot arguments makes it two.
    private static let plainPages = Atomic<UInt>(1)

    /// Looks at the boot arguments. Once, during start-up.
    static func start() {
        if let pages = BootArguments.options.plainStackPages { plainPages.store(UInt(pages), ordering: .relaxed) }
    }

    /// Makes room for a stack above what is loaded, with a page without access below it. Its pages come when they are
    /// touched, for a program without the note at once.
    static func make(in space: inout AddressSpace, isMarked: Bool) throws(SystemError) -> ArgumentStack {
        let pages = plainPages.load(ordering: .relaxed)
        let bytes = isMarked ? Limit.markedStack : pages * pageSize
        let guardPage = pageCeiling(space.size)
        guard guardPage <= userLimit - pageSize - bytes else { throw .noMemory }
        space.guardPage = guardPage
        let top = guardPage + pageSize + bytes
        space.size = top
        if isMarked { return ArgumentStack(top: top, bytes: Limit.markedArguments, mostStrings: .max) }
        for page in 1...pages { _ = try space.mapCleared(guardPage + page * pageSize, PageTableEntry.write) }
        return ArgumentStack(top: top, bytes: bytes, mostStrings: Limit.argumentSlots - 1)
    }
}

// df: the disk, and the system's tables.

import SystemInterface
import UserLibrary

@main enum DiskFree: Program {
    static let usage: StaticString = """
        usage: df
        Says how many blocks (1 KiB) and inodes the disk has and how many are free, and how full the system's tables are.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        arguments.expectNone()
        do throws(SystemError) {
            let counts = try System.resources()
            print("\("               total      used      free   use" as StaticString)")
            show("blocks", counts.blocks, counts.freeBlocks)
            show("inodes", counts.inodes, counts.freeInodes)
            show("open files", counts.openFileLimit, counts.openFileLimit - counts.openFiles)
            show("processes", UInt64(Limit.processes), counts.freeProcesses)
            if isReadOnly() {
                print(
                    "the file system is read-only: while the disk fails writes (see dmesg), or until the next start since fsck repaired it"
                )
            }
            return 0
        } catch {
            fail("\(error)")
        }
    }

    private static func isReadOnly() -> Bool {
        do throws(SystemError) {
            try System.synchronize(try System.open("/"))
            return false
        } catch {
            return error == .inputOutput
        }
    }

    private static func show(_ what: StaticString, _ total: UInt64, _ free: UInt64) {
        let used = total - free
        print(
            "\(CString(what).bytes, width: 10)\(total, width: 10)\(used, width: 10)\(free, width: 10)\(used * 100 / max(total, 1), width: 5)%"
        )
    }
}

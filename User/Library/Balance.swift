// The system's counts before and after a load: whether everything was given back.

public import SystemInterface

/// Counts of the system at one moment.
public struct Balance {
    private let counts: SystemResources
    private let ownMemory: UInt

    public init() throws(SystemError) {
        counts = try System.resources()
        ownMemory = try System.moveBreak(by: 0)
    }

    /// The counts that differ, as text; empty if none does. Waits, 5 s at most, for orphans that have not ended yet.
    public func differences() throws(SystemError) -> Text {
        var text = Text()
        for attempt in 0..<50 {
            text = Text()
            var now = try System.resources()
            // What this program itself has grown by is not lost.
            now.freePages += UInt64((try System.moveBreak(by: 0) - ownMemory) / 4096)
            // Tables keep the pages that they grew by.
            now.freePages += now.tablePages - counts.tablePages
            compare("pages", counts.freePages, now.freePages, &text)
            compare("blocks", counts.freeBlocks, now.freeBlocks, &text)
            compare("inodes on disk", counts.freeInodes, now.freeInodes, &text)
            compare("inodes in memory", now.inodesInUse, counts.inodesInUse, &text)
            compare("open files", now.openFiles, counts.openFiles, &text)
            compare("process slots", counts.freeProcesses, now.freeProcesses, &text)
            if text.bytes.isEmpty || attempt == 49 { break }
            try System.sleep(nanoseconds: 100_000_000)
        }
        return text
    }

    private func compare(_ what: StaticString, _ more: UInt64, _ less: UInt64, _ text: inout Text) {
        if more != less { text = "\(text) \(Int(more) - Int(less)) \(what)" }
    }

    /// Prints whether all is as it was; the exit status: 0 if it is and nothing `failed`.
    public func report(failed: Bool) -> Int32 {
        do throws(SystemError) {
            let lost = try differences()
            if !lost.bytes.isEmpty {
                print("NOT ALL CAME BACK:\(lost)")
                return 1
            }
        } catch {
            complain("counts: \(error)")
            return 1
        }
        return failed ? 1 : 0
    }
}

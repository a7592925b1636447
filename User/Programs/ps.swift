// ps: the processes.

import SystemInterface
import UserLibrary

@main enum Processes: Program {
    static let usage: StaticString = """
        usage: ps
        Lists the processes: number, parent's number, its state, the hart it ran on last, KiB of memory that it was given (not all
        of which it may have touched), open files, the most bytes its place's kernel stack ever held, name. A + marks one that is to end.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        arguments.expectNone()
        var records: [ProcessRecord]
        do throws(SystemError) { records = try System.processes() } catch { fail("\(error)") }
        records.sort { $0.pid < $1.pid }
        print("\("  PID  PPID STATE  HART      KIB FILES STACK NAME" as StaticString)")
        for record in records { show(record) }
        return 0
    }

    private static func show(_ record: ProcessRecord) {
        var name: [UInt8] = []
        for index in 0..<16 {
            guard record.nameByte(index) != 0 else { break }
            name.append(record.nameByte(index))
        }
        if record.isKilled { name += [32, UInt8(ascii: "+")] }
        let state: StaticString =
            switch record.state {
            case .new: "new   "
            case .running: "run   "
            case .sleeping: "sleep "
            case .runnable: "ready "
            case .zombie: "zombie"
            }
        print(
            "\(Int(record.pid), width: 5) \(Int(record.parent), width: 5) \(state) \(Int(record.hart), width: 4) \(record.memory / 1024, width: 8) \(Int(record.openFiles), width: 5) \(UInt64(record.stack), width: 5) \(name)"
        )
    }
}

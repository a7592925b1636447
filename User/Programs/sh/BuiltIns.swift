// Commands of the shell's own: those that change the shell itself, and those that must run when no process can be made
// or no program can be read.

import SystemInterface
import UserLibrary

enum BuiltIns {
    /// The command of this name, which gets the words behind it and returns its exit status; nil if there is none.
    static func command(_ name: [UInt8]) -> (([[UInt8]]) -> Int32)? {
        let table: [(CString, ([[UInt8]]) -> Int32)] = [
            ("cd", changeDirectory), ("exit", exit), ("jobs", Jobs.list),
            ("wait", { Execution.inForeground(Jobs.numbers($0), Jobs.wait) }),
            ("kill", { OperatorCommand.kill.run(Jobs.numbers($0)) }),
        ]
        return table.first { $0.0.bytes == name }?.1 ?? OperatorCommand.named(name)?.run
    }

    private static func changeDirectory(_ words: [[UInt8]]) -> Int32 {
        guard words.count <= 1 else {
            complain("cd: one directory is needed")
            return 2
        }
        let target = words.count == 1 ? Path(words[0]) : "/"
        do throws(SystemError) {
            try System.changeDirectory(target)
            return 0
        } catch {
            complain("cd: \(target): \(error)")
            return 1
        }
    }

    private static func exit(_ words: [[UInt8]]) -> Int32 {
        guard !words.isEmpty else { end(Shell.lastStatus) }
        guard words.count == 1, let number = Scanner.number(words[0]), number >= 0, number <= Int(Int32.max) else {
            complain("exit: the status is a number")
            return 2
        }
        end(Int32(number))
    }
}

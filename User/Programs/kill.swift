// kill: ends processes.

import SystemInterface
import UserLibrary

@main enum Kill: Program {
    static let usage: StaticString = """
        usage: kill pid ...
        Ends the processes with these numbers (^P lists them).
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count > 0 else { arguments.refuse("a process number is needed") }
        var status: Int32 = 0
        for index in 0..<arguments.count {
            guard let pid = arguments[index].number, pid > 0, pid <= Int(Int32.max) else {
                arguments.refuse("\(arguments[index]) is no process number")
            }
            do throws(SystemError) {
                try System.kill(Int32(pid))
            } catch {
                complain("\(pid): \(error)")
                status = 1
            }
        }
        return status
    }
}

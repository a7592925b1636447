// uptime: how long the system has been running.

import SystemInterface
import UserLibrary

@main enum Uptime: Program {
    static let usage: StaticString = """
        usage: uptime
        Says how long the system has been running, on how many harts, and how many processes there are.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        arguments.expectNone()
        do throws(SystemError) {
            let counts = try System.resources()
            let tenths = System.clock / 100_000_000
            var text: Text = "up "
            if tenths >= 864_000 { text = "\(text)\(tenths / 864_000) d " }
            if tenths >= 36_000 { text = "\(text)\(tenths / 36_000 % 24) h " }
            if tenths >= 600 { text = "\(text)\(tenths / 600 % 60) min " }
            print(
                "\(text)\(tenths / 10 % 60).\(tenths % 10) s, \(counts.harts) harts, \(UInt64(Limit.processes) - counts.freeProcesses) processes"
            )
            return 0
        } catch {
            fail("\(error)")
        }
    }
}

// dmesg: the kernel's last messages.

import SystemInterface
import UserLibrary

@main enum Dmesg: Program {
    static let usage: StaticString = """
        usage: dmesg
        Prints the kernel's last messages (16 KiB of them), oldest first.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        arguments.expectNone()
        var position: UInt64 = 0
        do throws(SystemError) {
            var messages = try System.kernelMessages(from: &position)
            while !messages.isEmpty {
                standardOutput.write(messages.span)
                messages = try System.kernelMessages(from: &position)
            }
            return 0
        } catch {
            fail("\(error)")
        }
    }
}

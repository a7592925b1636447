// dmesg: the kernel's last messages.

import SystemInterface
import UserLibrary

@main enum Dmesg: Program {
    static let usage: StaticString = """
        usage: dmesg
        Prints the kernel's last messages (16 KiB of them), oldest first.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        arguments.takeOptions(usage) { _, _ in false }
        guard arguments.count == 0 else { Arguments.refuse("no arguments are expected", usage) }
        var position: UInt64 = 0
        do throws(SystemError) {
            var messages = try System.kernelMessages(from: &position)
            while !messages.isEmpty {
                var text = Text()
                text.bytes = messages
                standardOutput.write(text)
                messages = try System.kernelMessages(from: &position)
            }
            return 0
        } catch {
            fail("\(error)")
        }
    }
}

// init: the first program. Makes the console, starts the shell, and starts it again whenever it ends.

import SystemInterface
import UserLibrary

@main enum Init: Program {
    static let usage: StaticString = """
        usage: init [word...]
        The first program of the system; the kernel starts it, with the words of the boot arguments. Among them run=program,argument,...
        runs a program in the shell's place and then powers the machine off; the program's status becomes QEMU's.
        """
    // The words of the boot arguments, whatever they are.
    static let options: StaticString? = nil

    static func run(_ arguments: Arguments) -> Int32 {
        openConsole()
        if let command = bootCommand(arguments) { runAndHalt(command) }
        while true {
            do throws(SystemError) {
                let shell = try System.fork()
                if shell == 0 { startShell() }
                // Orphans come to init: wait for them too, until the shell itself ends.
                while try System.wait().pid != shell {}
            } catch {
                // Out of memory or process slots, perhaps not for long; without init the system ends.
                complain("starting the shell: \(error)")
                do throws(SystemError) { try System.sleep(nanoseconds: 1_000_000_000) } catch {}
            }
        }
    }

    private static func openConsole() {
        do throws(SystemError) {
            var console: FileDescriptor
            do throws(SystemError) {
                console = try System.open("console", .readWrite)
            } catch {
                try System.makeNode("console", major: 1, minor: 0)
                console = try System.open("console", .readWrite)
            }
            _ = try System.duplicate(console)
            _ = try System.duplicate(console)
        } catch {
            System.exit(1)  // there is no console for a message
        }
    }

    /// What follows run= in the boot arguments.
    private static func bootCommand(_ arguments: Arguments) -> CString? {
        for index in 0..<arguments.count where arguments[index].hasPrefix("run=") {
            return arguments[index].dropFirst(4)
        }
        return nil
    }

    private static func runAndHalt(_ command: CString) -> Never {
        do throws(SystemError) {
            let child = try System.fork()
            if child == 0 {
                // A group of its own, as the shell gives its programs: what a program does to its group does not reach
                // init.
                try System.setGroup(of: 0, to: 0)
                become(command)
            }
            var ended = try System.wait()
            while ended.pid != child { ended = try System.wait() }
            try System.halt(ended.status)
        } catch {
            fail("\(command): \(error)")
        }
        System.exit(1)
    }

    /// Becomes program,argument,...
    private static func become(_ command: CString) -> Never {
        var words: [[UInt8]] = [[]]
        for byte in command.bytes {
            if byte == UInt8(ascii: ",") { words.append([]) } else { words[words.count - 1].append(byte) }
        }
        end(execute(words))
    }

    private static func startShell() -> Never {
        do throws(SystemError) {
            try System.exec("sh", ArgumentVector([CString("sh").bytes]))
        } catch {
            fail("sh: \(error)")
        }
        System.exit(1)
    }
}

// init: the first program. Makes the devices, starts the shell, and starts it again whenever it ends.

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
        makeDevices()
        if let command = bootCommand(arguments) { runAndHalt(command) }
        while true {
            let start = System.clock
            runShell()
            // A shell that does not start, or ends at once, is tried once a second.
            let lived = System.clock - start
            if lived < second { do throws(SystemError) { try System.sleep(nanoseconds: second - lived) } catch {} }
        }
    }

    private static let second: UInt64 = 1_000_000_000

    /// Starts the shell and waits for its end. Orphans come to init: they are waited for meanwhile.
    private static func runShell() {
        do throws(SystemError) {
            System.setForeground(0)
            let shell = try System.fork()
            if shell == 0 { startShell() }
            while try System.wait().pid != shell {}
        } catch {
            // Out of memory or process slots, perhaps not for long; without init the system ends.
            complain("starting the shell: \(error)")
        }
    }

    /// Makes the devices that are not there. A disk that is full or cannot be written goes without.
    private static func makeDevices() {
        for (minor, name) in (["null", "zero", "random"] as [StaticString]).enumerated() {
            do throws(SystemError) { try System.makeNode(Path(CString(name)), major: 9, minor: Int16(minor)) } catch {}
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

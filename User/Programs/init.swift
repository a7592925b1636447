// init: the first program. Makes the console, starts the shell, and starts it again whenever it ends.

import SystemInterface
import UserLibrary

@main enum Init: Program {
    static let usage: StaticString = "usage: init\nThe first program of the system; the kernel starts it."

    static func run(_ arguments: Arguments) -> Int32 {
        openConsole()
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
            var console: Descriptor
            do throws(SystemError) {
                console = try System.open("console", .readWrite)
            } catch {
                try System.makeNode("console", major: 1, minor: 0)
                console = try System.open("console", .readWrite)
            }
            _ = try System.duplicate(console)
            _ = try System.duplicate(console)
        } catch {
            System.exit(1)  // there is nowhere to say why
        }
    }

    private static func startShell() -> Never {
        do throws(SystemError) {
            let arguments: [UnsafePointer<UInt8>?] = [CString("sh").start, nil]
            try arguments.withUnsafeBufferPointer { (arguments) throws(SystemError) in
                try System.exec("sh", arguments.baseAddress!)
            }
        } catch {
            fail("sh: \(error)")
        }
        System.exit(1)
    }
}

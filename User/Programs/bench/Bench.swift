// bench: what the operations of this system cost, in instructions. `make bench` starts it in a machine that counts
// (QEMU's -icount) and makes a table of what it prints; Documentation/Bench.md says how to read it.

import SystemInterface
import UserLibrary

/// A measure: its name, and what takes it. Some print more than one line, which begin with the name.
struct Operation {
    let name: StaticString
    let run: () throws(SystemError) -> Void

    init(_ name: StaticString, _ run: @escaping () throws(SystemError) -> Void) {
        self.name = name
        self.run = run
    }
}

@main enum Bench: Program {
    static let usage: StaticString = """
        usage: bench [-lnps] [operation...]
               bench -w exec|read|write|send|ping|loop
               bench -t [pings | datagrams | streams | card]...
        Measures operations of the system, all or those named, and prints for each the instructions it takes. Meaningful only on one
        hart under QEMU's -icount shift=0: `make bench` on the host does that, and makes a table of it. -l lists the operations;
        -n measures the network, too, with `make bench` at the other end of the wire, -s streams to and from the host; -p waits for a newline before and after each
        measured stretch, so that the host can look at its counters of the same stretch. By the clock, and so without -icount: -w prints how
        much work four processes get done in two seconds, -t what the network carries to and from `make bench-host`.
        """
    static let options: StaticString? = "lnpstw:"

    private static var localOperations: [Operation] {
        processOperations + memoryOperations + pipeOperations + fileOperations + socketOperations + streamOperations
            + ringOperations
    }

    static func run(_ arguments: Arguments) -> Int32 {
        // What the shell does first, at the same place: with this the system has started.
        writeByte(.standardOutput, UInt8(ascii: "\n"))
        let start = System.counters()
        if arguments.has("t") { return timed { () throws(SystemError) in try showThroughput(arguments) } }
        if let word = arguments.value("w") {
            guard let kind = Work(word) else {
                arguments.refuse("-w \(word): exec, read, write, send, ping or loop are measured")
            }
            return timed { () throws(SystemError) in try showWork(kind) }
        }
        if arguments.has("l") {
            for operation in localOperations + networkOperations + ringNetworkOperations + hostStreamOperations {
                print("\(operation.name)")
            }
            return 0
        }
        var operations = localOperations
        if arguments.has("n") { operations += networkOperations + ringNetworkOperations }
        if arguments.has("s") { operations += hostStreamOperations }
        calibrate()
        hasPauses = arguments.has("p")
        if wants("boot", arguments) { show("boot", start.instructions &- start.idle &- start.firstInstruction) }
        for operation in operations where wants(operation.name, arguments) {
            do throws(SystemError) { try operation.run() } catch { fail("\(operation.name): \(error)") }
        }
        if arguments.count == 0 { showStacks() }
        print("bench done")
        return 0
    }

    static func wants(_ name: StaticString, _ arguments: Arguments) -> Bool {
        for index in 0..<arguments.count where arguments[index] == CString(name) { return true }
        return arguments.count == 0
    }

    /// How deep the kernel's stacks were until now, in bytes of 16384.
    private static func showStacks() {
        let counters = System.counters(stacks: true)
        print("stack-process\t\(counters.processStack)")
        print("stack-thread\t\(counters.threadStack)")
        print("stack-interrupt\t\(counters.interruptStack)")
    }

    private static func timed(_ body: () throws(SystemError) -> Void) -> Int32 {
        do throws(SystemError) { try body() } catch { fail("\(error)") }
        return 0
    }

    // MARK: Help for the measures

    static func writeByte(_ file: FileDescriptor, _ byte: UInt8) {
        do throws(SystemError) { try writePiece(file, [byte], count: 1) } catch { fail("\(error)") }
    }

    /// Starts a child that runs `body` and ends.
    static func child(_ body: () throws(SystemError) -> Void) throws(SystemError) {
        if try System.fork() > 0 { return }
        do throws(SystemError) { try body() } catch { fail("in a child: \(error)") }
        System.exit(0)
    }
}

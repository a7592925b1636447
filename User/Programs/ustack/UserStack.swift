// ustack: the system's own protocol stack as a program, over the packet rings of a card. The fourth place where the same
// code runs, after the kernel, the tests and the simulator.

import NetStack
import SystemInterface
import UserLibrary

@main enum UserStack: Program {
    static let usage: StaticString = """
        usage: ustack [-p port] interface address[/length]
        Takes an interface's card and runs a protocol stack of its own there, at this address: it answers ping, and echoes what comes
        to a port over UDP and TCP. ^C ends it, with the counts; meanwhile the machine's own stack has no such card.
          -p port  the echo port; 7 if not given
        """
    static let options: StaticString? = "p:"

    static func run(_ arguments: Arguments) -> Int32 {
        let echoPort = UInt16(arguments.number("p", in: 1...65535) ?? 7)
        guard arguments.count == 2 else { arguments.refuse("an interface and an address are needed") }
        guard let network = parseNetwork(arguments[1], standard: 24), let bits = network.address.ipv4 else {
            arguments.refuse("\(arguments[1]): not an address such as 10.0.2.77/24")
        }
        Interrupts.handle(.tells)
        do throws(SystemError) {
            let port = try PacketPort(arguments[0])
            let descriptor = port.descriptor
            let memory = try StackMemory()
            var stack = memory.stack(over: port)
            _ = stack.configure(
                .card(0), address: IPv4Address(bits: bits), prefixLength: network.prefixLength, gateway: nil)
            print("ustack on \(arguments[0]): \(address: bits) answers ping, and echoes port \(echoPort): ^C ends it")
            standardOutput.flush()
            try serve(&stack, descriptor, echoPort)
            return 0
        } catch {
            PacketPort.fail(arguments[0], error)
        }
    }

    private static var now: Instant { Instant(nanoseconds: System.clock) }

    private static func serve(
        _ stack: inout NetStack<RingCard>, _ descriptor: FileDescriptor, _ port: UInt16
    ) throws(SystemError) {
        var echo: EchoServer
        do throws(SocketError) { echo = try EchoServer(&stack, port) } catch { throw .noBufferSpace }
        while true {
            let result = stack.poll(now: now, budget: 64)
            while let completion = stack.takeCompletion() {
                if case .socket(let socket) = completion { echo.serve(socket, of: &stack, now: now) }
            }
            if result.hasMore { continue }
            // A ^C may have come while a line was printed.
            if Interrupts.came() { break }
            let due = stack.nextDeadline.nanoseconds
            let clock = System.clock
            // At least each second: what a ^C interrupts is asked for here.
            let wait = due > clock ? min(1_000, (due - clock) / 1_000_000 + 1) : 0
            var entries = [PollEntry(descriptor: descriptor.rawValue, events: PollEntry.readable)]
            do throws(SystemError) {
                _ = try System.poll(&entries, milliseconds: Int32(wait))
            } catch .interrupted {
                if Interrupts.came() { break }
            }
        }
        let counts = stack.withInterface(.card(0)) { ($0.counters.packetsIn, $0.counters.packetsOut) }
        if let counts { print("\(counts.0) packets in, \(counts.1) out") }
    }
}

// netstat -m: what the network's memory is used for, and how much more there may be.

import SystemInterface
import UserLibrary

enum NetworkMemoryReport {
    static func show() throws(SystemError) {
        try System.forEach(.memory, NetworkMemory()) { memory in
            print("packets of 2 KiB           in use    limit")
            line("that have memory", memory.packets)
            line("to receive", memory.receiving)
            line("  waiting for programs", memory.waiting)
            line("  waiting for fragments", memory.fragments)
            line("to send", memory.sending)
            line("the stack's own messages", memory.own)
            print("connections")
            line("records", memory.connections)
            line("half open", memory.halfOpen)
            line("in TIME-WAIT", memory.timeWaits)
            for number: UInt8 in 0...10 {
                guard let state = StreamReport.State(rawValue: number), memory[state] > 0 else { continue }
                print("  \(padded(NetworkStatus.state(state), 21))\(memory[state], width: 8)")
            }
            print("bytes that connections keep")
            bytes("to send", memory.sendBytes)
            bytes("to be read", memory.receiveBytes)
            bytes("come before others", memory.earlyBytes)
            bytes("most of one, each way", memory.greatestBuffer)
            print("tables")
            line("sockets", memory.sockets)
            line("neighbours", memory.neighbours)
            line("routes", memory.routes)
            line("name queries", memory.queries)
            bytes("KiB since the start", memory.fixedBytes / 1024)
            bytes("KiB taken by pages", memory.grownBytes / 1024)
        }
    }

    private static func line(_ name: Text, _ share: ShareInUse) {
        print("  \(padded(name, 25))\(share.held, width: 6) \(share.limit, width: 8)")
    }

    private static func bytes(_ name: Text, _ count: UInt64) { print("  \(padded(name, 21))\(count, width: 10)") }
}

// discover: sends one DHCPDISCOVER with a mistake of your choice, and says what the servers on the link answer.
//
// For the lab and for the table in Documentation/DHCP.md: which mistake makes which server silent. Needs the right to
// open packet sockets (root, or root of a network namespace).

import Foundation

@main enum Discover {
    static let usage = """
        usage: discover INTERFACE [MISTAKE]
        Sends one DHCPDISCOVER from a made-up station and prints the first offer that comes within three seconds, or "silence".
        MISTAKE is one of:
        \(Mistake.allCases.map { "  \($0.rawValue)".padded(to: 22) + $0.meaning }.joined(separator: "\n"))
        Exit status 0 when there was an offer, 1 when not, 2 when nothing could be sent.
        """

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.contains("--help") {
            print(usage)
            return
        }
        guard let interface = arguments.first, arguments.count <= 2 else { refuse(usage) }
        guard let mistake = arguments.count == 2 ? Mistake(rawValue: arguments.last!) : Mistake.none else {
            refuse("discover: there is no mistake called \(arguments.last!)\n" + usage)
        }
        do {
            let wire = try Wire(interface)
            let discover = Message(mistake)
            try wire.send(discover.frame)
            let offer = wire.receive(for: 3) { discover.offer(in: $0) }
            print(offer ?? "silence")
            exit(offer == nil ? 1 : 0)
        } catch {
            refuse("discover: \(interface): \(error)")
        }
    }

    static func refuse(_ text: String) -> Never {
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
        exit(2)
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}

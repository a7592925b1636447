// TCP against Linux: its clients and servers on one bridge with a guest.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized, .enabled(if: PrivateNetwork.isPossible, "\(PrivateNetwork.obstacle ?? "")"))
struct StreamSystemTests {
    private let address = StreamGuest.address

    @Test(needs("curl")) func httpdServesFilesPartsAndErrors() throws {
        let (network, guest) = try StreamGuest.start()
        guest.type("httpd &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 80)
        let url = "http://\(address)"
        func curl(_ words: String...) throws -> String {
            try network.run("sh", "-c", "curl -s -m 30 \(words.joined(separator: " "))")
        }
        #expect(try curl("\(url)/").contains("<title>Swiftlet</title>"))
        let copy = network.folder.appendingPathComponent("copy")
        #expect(
            try curl("-o", copy.path, "-w '%{http_code} %{content_type}'", "\(url)/usertests").hasPrefix(
                "200 text/plain"))
        let original = try Data(contentsOf: URL(fileURLWithPath: "build/programs/usertests"))
        #expect(try Data(contentsOf: copy) == original)
        #expect(try curl("-r 100-199 -o", copy.path, "-w '%{http_code}'", "\(url)/usertests") == "206")
        #expect(try Data(contentsOf: copy) == original[100..<200])
        #expect(try curl("-r -100 -o", copy.path, "-w '%{http_code}'", "\(url)/usertests") == "206")
        #expect(try Data(contentsOf: copy) == original.suffix(100))
        #expect(try curl("-r 99999999- -o /dev/null -w '%{http_code}'", "\(url)/usertests") == "416")
        #expect(try curl("-o /dev/null -w '%{http_code}'", "\(url)/nosuch") == "404")
        #expect(try curl("-o /dev/null -w '%{http_code}'", "--path-as-is \(url)/../x") == "400")
        #expect(try curl("-X DELETE -o /dev/null -w '%{http_code}'", "\(url)/README") == "405")
        #expect(try curl("-I", "\(url)/README").contains("Content-Length: "))
        // Two files over one connection, and a hundred at once.
        #expect(
            try curl("-w '%{num_connects}\\n' -o /dev/null \(url)/README -o /dev/null \(url)/README").hasPrefix("1\n0"))
        let many = try curl("-Z --parallel-max 100 -o /dev/null -w '%{http_code}\\n' '\(url)/README?[1-200]'")
        #expect(many.split(separator: "\n").filter { $0 == "200" }.count == 200, "\(many)")
        try guest.halt()
    }

    @Test(needs("curl")) func httpdAnswersOnlyWhatHasChanged() throws {
        let (network, guest) = try StreamGuest.start()
        _ = try guest.run("echo one > page.html")
        guest.type("httpd &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 80)
        let url = "http://\(address)/page.html"
        func curl(_ words: String) throws -> String { try network.run("sh", "-c", "curl -s -m 30 \(words) \(url)") }
        let copy = network.folder.appendingPathComponent("page.html").path
        let status = "-o \(copy) -w '%{http_code}'"
        #expect(try curl("-R \(status)") == "200")
        let modified = try curl("-I").split(separator: "\r\n").first { $0.hasPrefix("Last-Modified: ") } ?? ""
        #expect(modified.hasSuffix(" GMT"))
        #expect(try curl("-I").contains("\r\nDate: "))
        // A file of this very second counts as new. (curl -z hides what the server said.)
        let time = modified.dropFirst("Last-Modified: ".count)
        let deadline = Date() + 20
        while try curl("-H 'If-Modified-Since: \(time)' -o /dev/null -w '%{http_code}'") != "304", Date() < deadline {
            usleep(100_000)
        }
        #expect(try curl("-H 'If-Modified-Since: \(time)' -w '%{http_code} %{size_download}'") == "304 0")
        #expect(
            try curl("-H 'If-Unmodified-Since: Wed, 01 Jan 2020 00:00:00 GMT' -o /dev/null -w '%{http_code}'") == "412")
        #expect(try curl("-H 'If-Range: \(time)' -r 1-2 -w ' %{http_code}'") == "ne 206")
        #expect(try curl("-H 'If-Range: Sun, 06 Nov 1994 08:49:37 GMT' -r 1-2 -w ' %{http_code}'") == "one\n 200")
        #expect(try curl("-z \(copy) -o /dev/null -w '%{http_code} %{size_download}'") == "304 0")
        _ = try guest.run("echo two > page.html")
        let changed = try curl("-z \(copy) -w ' %{http_code}'")
        #expect(changed == "two\n 200")
        // A file of the image has the time that it was built with.
        let readme = try network.run("sh", "-c", "curl -s -I http://\(address)/README")
        #expect(readme.contains("\r\nLast-Modified: "), "\(readme)")
        try guest.halt()
    }

    // `make streams` asks for every card, more bytes and a longer cut.
    private static func setting(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }
    private static let cards =
        setting("STREAM_CARDS")?.split(separator: ",").map(String.init) ?? ["virtio", "virtio packed", "ne2k-isa"]
    private static let byteCount = setting("STREAM_BYTES").flatMap { Int($0) } ?? 10 << 20
    private static let cut = setting("STREAM_CUT").flatMap { UInt32($0) } ?? 15

    @Test(needs("socat"), arguments: cards)
    func megabytesComeBackWholeThoughTheWireIsCut(card: String) throws {
        let (network, guest) = try StreamGuest.start(cardOptions(card))
        guest.type("nc -l -k -e cat 7001 &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 7001)
        let file = try StreamGuest.random(network, Self.byteCount), back = network.folder.appendingPathComponent("back")
        let transfer = try network.start(
            "sh", "-c", "socat -t200 - TCP:\(address):7001 < \(file.path) > \(back.path)")
        // Some of it has come back; then the wire is cut.
        let size = { (try? FileManager.default.attributesOfItem(atPath: back.path)[.size] as? Int) ?? 0 }
        let deadline = Date() + 60
        while size() < 1 << 20, Date() < deadline { usleep(10_000) }
        try network.run("ip", "link", "set", "tap0", "down")
        usleep(Self.cut * 1_000_000)
        try network.run("ip", "link", "set", "tap0", "up")
        let end = Date() + 120 + Double(Self.byteCount) / 500_000
        while transfer.child.isRunning, Date() < end { usleep(50_000) }
        #expect(!transfer.child.isRunning)
        #expect(try Data(contentsOf: back) == Data(contentsOf: file))
        let counters = try guest.run("netstat -s")
        #expect(counters.contains("segments sent again"))
        try guest.halt()
    }

    @Test(needs("socat")) func aShellAHalfCloseAndAClosedPort() throws {
        let (network, guest) = try StreamGuest.start()
        guest.type("nc -l -k -e sh 7000 &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 7000)
        let answer = try network.run(
            "sh", "-c", "printf 'echo from afar\\necho $?\\n' | socat -t10 - TCP:\(address):7000")
        #expect(answer.contains("from afar\n0\n"), "\(answer)")
        // The guest answers after the other side has ended its half.
        guest.type("nc -l -e wc 7002 &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 7002)
        let count = try network.run("sh", "-c", "printf 'one two\\nthree\\n' | socat -t10 - TCP:\(address):7002")
        #expect(count.contains("2 3 14"), "\(count)")
        #expect(try guest.run("nc -z \(PrivateNetwork.host) 9; echo $?") == "1")
        // The small services; tcpdump takes the first segments of two connections.
        guest.type("inetd &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 19)
        guest.type("tcpdump -q -c 4 syn and port 13 > trace &\n")
        try guest.wait(for: "\n$ ")
        let shown = "netstat | grep -c capture"
        for _ in 0..<50 where try guest.run(shown) != "1" { _ = try guest.run("sleep 0.1") }
        let day = try network.run("sh", "-c", "socat -t5 - TCP:\(address):13 < /dev/null")
        #expect(day.contains(" UTC "), "\(day)")
        _ = try network.run("sh", "-c", "socat -t5 - TCP:\(address):13 < /dev/null")
        let lines = try network.run(
            "sh", "-c", "socat -u TCP:\(address):19 - 2>/dev/null | head -n 1000 | tail -n 1 || true")
        #expect(lines.count == 73, "\(lines)")
        let echoed = try network.run("sh", "-c", "printf 'back again' | socat -t10 - TCP:\(address):7")
        #expect(echoed == "back again")
        let trace = try guest.run("sleep 0.5; wc trace")
        #expect(trace.contains("4 "), "\(trace)")
        let refused = try network.run("sh", "-c", "socat - TCP:\(address):99 2>&1 || true")
        #expect(refused.contains("refused"), "\(refused)")
        try guest.halt()
    }

    @Test(needs("iperf"), arguments: ["virtio", "virtio packed", "virtio-pci packed"])
    func iperfTalksWithLinuxBothWays(card: String) throws {
        let (network, guest) = try StreamGuest.start(cardOptions(card))
        guest.type("iperf -s &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 5001)
        let sent = try network.run("iperf", "-c", address, "-t", "2", "-P", "2")
        #expect(sent.contains("[SUM]"), "\(sent)")
        let server = try network.start("iperf", "-s")
        let deadline = Date() + 20
        var report = ""
        while !report.contains("sec"), Date() < deadline {
            report = try guest.run("iperf -c \(PrivateNetwork.host) -t 2 -i 1", seconds: 30)
        }
        #expect(report.contains("0.00-1.0") && report.contains("Mbits/sec"), "\(report)")
        server.stop()
        try guest.halt()
    }

    /// iperf's servers of TCP and UDP in the guest, when both listen.
    private func startServers(_ guest: Guest) throws {
        guest.type("iperf -s > /null &\n")
        try guest.wait(for: "\n$ ")
        guest.type("iperf -s -u > /null &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 5001)
        let deadline = Date() + 20
        while !(try guest.run("netstat")).contains("5001"), Date() < deadline { _ = try guest.run("sleep 0.1") }
    }

    /// -r, -d and -R over TCP, and the first two over UDP: Linux asks, and is asked.
    @Test(needs("iperf")) func iperfSendsBackAndAsksForThat() throws {
        let (network, guest) = try StreamGuest.start()
        try startServers(guest)
        for words in [["-r"], ["-d"], ["-R"], ["-R", "-P", "2"], ["-u", "-r"], ["-u", "-d"]] {
            let report = try network.run(
                "sh", "-c", "timeout 20 iperf -c \(address) -t 1 -L 5003 \(words.joined(separator: " "))")
            // A line with a rate for each way.
            let rates = report.split(separator: "\n").filter {
                $0.contains("bits/sec") && !$0.contains(" 0.00 bits/sec")
            }
            #expect(rates.count >= (words == ["-R"] ? 1 : 2), "\(words): \(report)")
        }
        let servers = [
            try network.start("iperf", "-s", "-p", "5002"), try network.start("iperf", "-s", "-u", "-p", "5002"),
        ]
        for words in ["-r", "-d", "-R -P 2", "-u -r", "-u -d"] {
            let deadline = Date() + 20
            var report = ""
            repeat {
                report = try guest.run("iperf -c \(PrivateNetwork.host) -p 5002 -t 1 \(words); echo $?", seconds: 40)
            } while !report.hasSuffix("0") && report.contains("no program listens") && Date() < deadline
            let rates = report.split(separator: "\n").filter { $0.contains("Mbits/sec") && !$0.contains("wanted") }
            #expect(rates.count >= 2 && report.hasSuffix("0"), "\(words): \(report)")
        }
        for server in servers { server.stop() }
        // A server that does not send back: the exit status says it.
        guest.type("nc -l 5004 > /null &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 5004)
        let nothing = try guest.run("iperf -c 127.0.0.1 -p 5004 -r -n 10k -L 5005; echo $?", seconds: 40)
        #expect(nothing.contains("does not send back") && nothing.contains("\n1"), "\(nothing)")
        try guest.halt()
    }

    /// A client that listens late for what it wanted back: Linux's iperf does on a busy machine.
    @Test(needs("socat")) func iperfSendsBackToAClientThatListensLate() throws {
        let (network, guest) = try StreamGuest.start()
        try startServers(guest)
        // What iperf 2 begins with: flags, threads, port 5003, length, rate, hundredths of a second, negative.
        let stream = #"\200\0\0\0\0\0\0\1\0\0\023\213\0\0\0\0\0\0\0\0\377\377\377\234"#
        let streamBack = try network.run(
            "sh", "-c",
            "printf '\(stream)' | socat -t10 - TCP:\(address):5001; sleep 1; "
                + "timeout 20 socat -u TCP-LISTEN:5003,reuseaddr - | wc -c")
        #expect(Int(streamBack.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 > 10_000, "\(streamBack)")
        // The same in a datagram, behind its number and time: both ways at once, five seconds.
        let first = #"\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0"#
        let datagram = first + #"\210\0\0\1\0\0\0\1\0\0\023\213\0\0\0\0\0\0\0\0\377\377\376\014"#
        let datagramsBack = try network.run(
            "sh", "-c",
            "printf '\(datagram)' | socat -u - UDP:\(address):5001; sleep 1; "
                + "timeout 20 socat -u -T3 UDP-RECV:5003 - | wc -c")
        #expect(Int(datagramsBack.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 > 10_000, "\(datagramsBack)")
        try guest.halt()
    }
}

// TCP against Linux's servers and benchmarks: what a user's tools do to the guest, and what the guest does to theirs.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized, .enabled(if: PrivateNetwork.isPossible, "\(PrivateNetwork.obstacle ?? "")"))
struct StreamServerTests {
    private let address = StreamGuest.address
    private let host = PrivateNetwork.host

    /// Files of nginx through `fetch`, and from there by a stream of `nc` back: the same bytes.
    @Test(needs("nginx", "socat"), arguments: ["virtio", "ne2k"])
    func filesOfNginxAreFetchedWhole(card: String) throws {
        let (network, guest) = try StreamGuest.start(["NIC": card])
        let folder = network.folder
        let sizes = [0, 1, 1447, 1448, 1449, 65_536, 1 << 20, 10 << 20]
        let all = try Data(contentsOf: StreamGuest.random(network, 10 << 20))
        for size in sizes { try all.prefix(size).write(to: folder.appendingPathComponent("file\(size)")) }
        let configuration = """
            daemon off; master_process off; pid \(folder.path)/pid; error_log stderr;
            events {}
            http {
                access_log off; root \(folder.path); client_body_temp_path \(folder.path)/a; proxy_temp_path \(folder.path)/b;
                fastcgi_temp_path \(folder.path)/c; uwsgi_temp_path \(folder.path)/d; scgi_temp_path \(folder.path)/e;
                server { listen \(host):8000; location /moved/ { return 302 /file1448; } }
            }
            """
        let file = folder.appendingPathComponent("nginx.conf")
        try configuration.write(to: file, atomically: true, encoding: .utf8)
        _ = try network.start("nginx", "-e", "stderr", "-p", folder.path, "-c", file.path)
        for _ in 0..<100 where (try? network.run("sh", "-c", "curl -s -o /dev/null http://\(host):8000/file1")) == nil {
            usleep(100_000)
        }
        for size in sizes {
            let back = folder.appendingPathComponent("back\(size)")
            let sink = try network.start(
                "socat", "-u", "TCP-LISTEN:9000,reuseaddr", "OPEN:\(back.path),creat,trunc")
            try waitForPort(9000, network)
            let answer = try guest.run(
                "fetch -q -o - http://\(host):8000/file\(size) | nc \(host) 9000; echo status $?")
            #expect(answer.hasSuffix("status 0"), "\(size) bytes: \(answer)")
            let deadline = Date() + 60
            while sink.child.isRunning, Date() < deadline { usleep(20_000) }
            #expect(try Data(contentsOf: back) == all.prefix(size), "\(size) bytes")
        }
        #expect(try guest.run("fetch -q -o moved http://\(host):8000/moved/x; wc -c moved").contains("1448"))
        #expect(try guest.run("fetch -q -o none http://\(host):8000/nosuch; echo status $?").hasSuffix("status 1"))
        try guest.halt()
    }

    private func waitForPort(_ port: Int, _ network: PrivateNetwork) throws {
        for _ in 0..<200 {
            if try network.run("sh", "-c", "ss -Hltn sport = :\(port)").contains(":\(port)") { return }
            usleep(20_000)
        }
        Issue.record("nothing listens at port \(port)")
    }

    private func waitUntilFree(_ port: Int, _ network: PrivateNetwork) throws {
        var sockets = ""
        for _ in 0..<500 {
            sockets = try network.run("sh", "-c", "ss -Htan sport = :\(port)")
            if sockets.isEmpty { return }
            usleep(20_000)
        }
        Issue.record("port \(port) is still used: \(sockets)")
    }

    /// `ab -n 10000 -c 50`, with and without kept connections, and a thousand connections at once.
    @Test(needs("ab")) func noneOfTenThousandRequestsOfApacheBenchFails() throws {
        let (network, guest) = try StreamGuest.start()
        guest.type("httpd &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 80)
        for words in ["-n 10000 -c 50", "-k -n 10000 -c 50", "-k -n 4000 -c 1000"] {
            let report = try network.run(
                "sh", "-c", "ulimit -n 4096; ab -q -s 120 \(words) http://\(address)/README 2>&1")
            func number(_ name: String) -> Int? {
                report.split(separator: "\n").first { $0.hasPrefix(name + ":") }.flatMap {
                    Int($0.split(separator: ":")[1].split(separator: " ")[0])
                }
            }
            #expect(number("Complete requests") == (words.hasSuffix("1000") ? 4000 : 10_000), "\(words): \(report)")
            #expect(number("Failed requests") == 0, "\(words): \(report)")
            #expect(!report.contains("Non-2xx responses"), "\(words): \(report)")
        }
        // Nothing is left over but small records.
        for _ in 0..<100 where try guest.run("netstat -t").contains("ESTABLISHED") { _ = try guest.run("sleep 0.2") }
        #expect(!(try guest.run("netstat -t")).contains("ESTABLISHED"))
        try guest.halt()
    }

    /// Silence, a full backlog, and a port in TIME-WAIT that is used again.
    @Test(needs("socat")) func silenceAFullBacklogAndAPortInTimeWait() throws {
        let (network, guest) = try StreamGuest.start()
        // A station that takes frames and never answers.
        #expect(try guest.run("arp -s 192.168.76.99 02:00:00:00:00:99; nc -w 2 -z 192.168.76.99 80; echo $?") == "1")
        // socat takes one connection at a time, and two wait: the next is not answered.
        let slow = try network.start(
            "socat", "TCP-LISTEN:7006,backlog=1,fork,max-children=1,reuseaddr", "EXEC:sleep 60")
        try waitForPort(7006, network)
        for _ in 0..<4 {
            guest.type("nc \(host) 7006 < /zero > /null &\n")
            try guest.wait(for: "\n$ ")
        }
        #expect(try guest.run("sleep 1; nc -w 3 -z \(host) 7006; echo $?") == "1")
        slow.stop()
        // The service closes first, so the guest keeps the port in TIME-WAIT; the same port of the peer's opens a new
        // connection (RFC 6191).
        guest.type("inetd &\n")
        try guest.wait(for: "\n$ ")
        try StreamGuest.waitForListener(guest, 13)
        for round in 0..<3 {
            let day = try network.run(
                "sh", "-c", "socat -u TCP:\(address):13,sourceport=40001,reuseaddr -")
            #expect(day.contains(" UTC "), "round \(round): \(day)")
            // socat has ended before the guest has acknowledged its FIN, and until then Linux keeps the port (LAST-ACK).
            try waitUntilFree(40001, network)
        }
        #expect(try guest.run("netstat -t").contains("TIME_WAIT"))
        try guest.halt()
    }
}

import UserLibrary
@main struct P { static func main() {
  let s: StaticString = "hello from user\n"
  _ = writeRaw(1, s.utf8Start, s.utf8CodeUnitCount)
} }

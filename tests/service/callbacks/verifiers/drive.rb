require "json"
require "set"
require_relative "callback"

known = Set.new
JSON.parse($stdin.read).each do |each|
  body = each["body"].unpack1("m")
  verdict, process = Darkroom.read_callback(each["secret"], each["headers"], body) { |id| known.add?(id) }
  puts "#{verdict} #{process ? process["process_id"] : "-"}"
end

# frozen_string_literal: true

# Callbacks of Darkroom in Ruby: whether one is authentic, and whether it is new.

require "json"
require "openssl"

module Darkroom
  TOLERANCE_SECONDS = 5 * 60

  # Tell what to do with a callback: :new, :repeated or :refused, and the status it brings.
  #
  # +secret+ is the webhook secret of your service, whsec_…; +headers+ have names in lower case;
  # +body+ is the bytes as they came, before they are parsed. The block stores an id, and gives
  # false if it was known.
  def self.read_callback(secret, headers, body)
    id, time, given = headers.values_at("webhook-id", "webhook-timestamp", "webhook-signature")
    return [:refused, nil] unless id && given && time&.match?(/\A\d{1,12}\z/)
    return [:refused, nil] if (Time.now.to_i - time.to_i).abs > TOLERANCE_SECONDS

    key = secret.delete_prefix("whsec_").unpack1("m")
    digest = OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{time}.".b + body.b)
    expected = "v1,#{[digest].pack("m0")}"
    # every signature is compared, each in constant time: two are sent while a secret is rotated
    matches = given.split.map { |each| OpenSSL.secure_compare(each, expected) }
    return [:refused, nil] unless matches.any?
    return [:repeated, nil] unless yield id

    [:new, JSON.parse(body)]
  end
end
